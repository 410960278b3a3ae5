//! SQLite's file access (VFS): the default one, except that it does not resolve paths. Resolving would undo the short
//! names of [`LogPath`](super::files::LogPath); our paths are absolute and resolved already.

use std::ffi::CStr;

/// What to open a database with; nothing where SQLite's own way is taken.
#[cfg(unix)]
pub(super) fn name() -> Option<&'static CStr> {
    unix::is_registered().then_some(unix::NAME)
}

/// What to open a database with; nothing where SQLite's own way is taken.
#[cfg(not(unix))]
pub(super) fn name() -> Option<&'static CStr> {
    None
}

#[cfg(unix)]
mod unix {
    use std::ffi::{CStr, c_char, c_int};
    use std::ptr;
    use std::sync::LazyLock;

    use rusqlite::ffi;

    pub const NAME: &CStr = c"car-inference";

    pub fn is_registered() -> bool {
        static IS_REGISTERED: LazyLock<bool> = LazyLock::new(register);
        *IS_REGISTERED
    }

    fn register() -> bool {
        // SAFETY: SQLite's own object lives as long as the process and is only read. Ours is never freed, as SQLite
        // requires. Its functions are `as_given` and SQLite's own, which only use fields that are copied.
        unsafe {
            let unix = ffi::sqlite3_vfs_find(c"unix".as_ptr());
            let Some(unix) = unix.as_ref() else { return false };
            let own = ffi::sqlite3_vfs {
                zName: NAME.as_ptr(),
                pNext: ptr::null_mut(),
                xFullPathname: Some(as_given),
                ..*unix
            };
            ffi::sqlite3_vfs_register(Box::leak(Box::new(own)), 0) == ffi::SQLITE_OK
        }
    }

    /// SQLite's `xFullPathname`: copies `path` to `out`, which has room for `out_len` bytes.
    unsafe extern "C" fn as_given(
        _vfs: *mut ffi::sqlite3_vfs,
        path: *const c_char,
        out_len: c_int,
        out: *mut c_char,
    ) -> c_int {
        // SAFETY: SQLite passes a string with a terminating zero, and its own buffer with the size of the buffer.
        unsafe {
            let path = CStr::from_ptr(path).to_bytes_with_nul();
            if usize::try_from(out_len).is_ok_and(|room| path.len() <= room) {
                ptr::copy_nonoverlapping(path.as_ptr().cast(), out, path.len());
                return ffi::SQLITE_OK;
            }
        }
        ffi::SQLITE_CANTOPEN
    }
}
