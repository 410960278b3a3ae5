//! What tells several copies of the package's JavaScript in one thread about each other: they may lie in two folders, or
//! be loaded twice, and still be over this one addon, which knows one mailbox a thread.

use std::ptr;

use napi::bindgen_prelude::Object;
use napi::{Env, JsValue, check_status, sys};
use napi_derive::napi;

use crate::environment;

/// The version of the package that this addon was built for.
#[napi(catch_unwind)]
pub fn addon_version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// The object that all copies of the package's JavaScript on this thread share: the one that the first of them brings.
#[napi(catch_unwind, ts_args_type = "fresh: object", ts_return_type = "object")]
pub fn share_realm<'env>(env: &'env Env, fresh: Object<'env>) -> napi::Result<Object<'env>> {
    environment::with(|environment| {
        environment.clean_up_with(*env)?;
        if environment.realm.is_null() {
            // SAFETY: the value belongs to this environment. The reference is deleted when that ends.
            check_status!(unsafe { sys::napi_create_reference(env.raw(), fresh.raw(), 1, &mut environment.realm) })?;
            return Ok(fresh);
        }
        let mut shared = ptr::null_mut();
        // SAFETY: `clean_up` forgets the reference when its environment ends, so it is one of the environment that runs.
        check_status!(unsafe { sys::napi_get_reference_value(env.raw(), environment.realm, &mut shared) })?;
        Ok(Object::from_raw(env.raw(), shared))
    })
}
