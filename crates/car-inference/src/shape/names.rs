//! Suggests the known field that was probably meant by an unknown name. Knows the names that other libraries (the SDKs
//! of
//! OpenAI, Anthropic and Google, the AI SDK, Ollama) use for our fields. Knows nothing of values.

/// Names of other libraries, each with our name of the field. In lower case and without separators, like [`normal`]
/// makes them.
const SYNONYMS: &[(&str, &[&str])] = &[
    // Requests
    (
        "model",
        &["modelid", "modelname", "modelslug", "deployment", "deploymentname"],
    ),
    (
        "prompt",
        &[
            "input",
            "query",
            "question",
            "text",
            "usermessage",
            "userprompt",
            "content",
        ],
    ),
    (
        "messages",
        &[
            "contents",
            "history",
            "chathistory",
            "conversation",
            "turns",
            "input",
            "message",
            "msgs",
        ],
    ),
    (
        "context",
        &[
            "system",
            "systemprompt",
            "systeminstruction",
            "systemmessage",
            "instructions",
            "developer",
            "preamble",
        ],
    ),
    (
        "params",
        &[
            "parameters",
            "generationconfig",
            "config",
            "modelparams",
            "modelparameters",
            "sampling",
            "settings",
        ],
    ),
    ("images", &["attachments", "image", "files"]),
    ("tools", &["functions", "functiondeclarations", "toolset"]),
    (
        "responseFormat",
        &[
            "format",
            "outputformat",
            "output",
            "outputconfig",
            "responseschema",
            "responsemimetype",
            "jsonmode",
            "structuredoutput",
        ],
    ),
    ("fallbackModels", &["fallbacks", "fallback", "models"]),
    (
        "conversationId",
        &["threadid", "sessionid", "chatid", "conversation", "session", "thread"],
    ),
    (
        "clientRef",
        &[
            "user",
            "userid",
            "requestid",
            "correlationid",
            "clientreference",
            "reference",
            "safetyidentifier",
        ],
    ),
    ("parentTraceId", &["parent", "parentid", "parentspanid"]),
    ("tags", &["labels", "label", "metadata", "tag"]),
    (
        "providerOptions",
        &[
            "extrabody",
            "providermetadata",
            "extra",
            "modelkwargs",
            "kwargs",
            "body",
            "cachecontrol",
        ],
    ),
    // Sampling
    ("temperature", &["temp"]),
    (
        "maxTokens",
        &[
            "maxoutputtokens",
            "maxcompletiontokens",
            "maxnewtokens",
            "maxlength",
            "numpredict",
            "maxtokenstosample",
            "tokens",
            "maxoutput",
        ],
    ),
    ("stop", &["stopsequences", "stopsequence", "stopwords", "stopstrings"]),
    ("seed", &["randomseed"]),
    (
        "reasoningEffort",
        &["reasoning", "effort", "thinking", "thinkinglevel", "thinkingconfig"],
    ),
    (
        "budgetTokens",
        &[
            "thinkingbudget",
            "budget",
            "maxthinkingtokens",
            "maxreasoningtokens",
            "reasoningbudget",
        ],
    ),
    ("toolChoice", &["functioncall", "toolconfig", "functioncallingconfig"]),
    ("parallelToolCalls", &["paralleltooluse", "disableparalleltooluse"]),
    // Messages, tools, events
    ("toolUseId", &["toolcallid", "tooluse", "callid", "id"]),
    ("content", &["text", "parts", "message", "result", "output", "value"]),
    (
        "text",
        &[
            "delta",
            "textdelta",
            "content",
            "value",
            "chunk",
            "output",
            "thinking",
            "reasoning",
            "refusal",
        ],
    ),
    (
        "argumentsDelta",
        &[
            "delta",
            "argstextdelta",
            "inputtextdelta",
            "partialjson",
            "argsdelta",
            "arguments",
            "args",
            "input",
        ],
    ),
    ("arguments", &["input", "args", "parameters", "params"]),
    ("toolCalls", &["tooluses", "functioncalls", "calls"]),
    ("name", &["toolname", "functionname", "function", "tool", "title"]),
    (
        "id",
        &["toolcallid", "callid", "tooluseid", "model", "modelid", "name", "slug"],
    ),
    ("index", &["outputindex", "contentindex", "position"]),
    ("role", &["type", "author", "speaker"]),
    ("type", &["event", "kind"]),
    ("description", &["desc", "doc", "help"]),
    (
        "parameters",
        &[
            "inputschema",
            "schema",
            "jsonschema",
            "params",
            "args",
            "arguments",
            "properties",
        ],
    ),
    ("mediaType", &["mimetype", "contenttype", "mime", "format"]),
    (
        "data",
        &["base64", "bytes", "content", "image", "file", "payload", "value"],
    ),
    ("url", &["uri", "href", "src", "source", "link", "imageurl", "fileuri"]),
    ("reason", &["finishreason", "stopreason", "donereason"]),
    ("raw", &["rawfinishreason", "nativefinishreason"]),
    ("inputTokens", &["prompttokens", "prompttokencount", "promptevalcount"]),
    (
        "outputTokens",
        &["completiontokens", "candidatestokencount", "evalcount"],
    ),
    ("totalTokens", &["totaltokencount", "tokens"]),
    (
        "cacheReadInputTokens",
        &[
            "cachedtokens",
            "cachedinputtokens",
            "cachedcontenttokencount",
            "cachereadtokens",
        ],
    ),
    (
        "cacheCreationInputTokens",
        &["cachewritetokens", "cachewriteinputtokens"],
    ),
    ("reasoningTokens", &["thoughtstokencount", "thinkingtokens"]),
    ("message", &["error", "text", "detail", "msg"]),
    ("schema", &["jsonschema", "zodschema"]),
    ("item", &["items", "data", "output"]),
    // Options of a call and of an engine
    (
        "signal",
        &[
            "abortsignal",
            "abort",
            "abortcontroller",
            "controller",
            "canceltoken",
            "cancellationtoken",
        ],
    ),
    ("timeouts", &["timeout", "timeoutms", "requesttimeout", "deadline"]),
    (
        "retry",
        &[
            "retries",
            "maxretries",
            "maxattempts",
            "retrypolicy",
            "retryoptions",
            "retryconfig",
        ],
    ),
    ("limits", &["bounds", "caps"]),
    ("runner", &["inferencerunner", "handler", "run", "backend"]),
    ("hint", &["provider", "name", "slot", "vendor", "model"]),
    ("models", &["schemas"]),
    (
        "eventLog",
        &[
            "log", "logger", "logs", "logpath", "database", "db", "path", "storage", "store",
        ],
    ),
    ("onLogFailure", &["onlogerror", "logfailure"]),
    (
        "firstEventMs",
        &[
            "firsttoken",
            "firsttokenms",
            "firstevent",
            "ttft",
            "connectms",
            "connect",
        ],
    ),
    (
        "idleMs",
        &["idle", "idletimeout", "inactivity", "chunkms", "chunk", "betweenevents"],
    ),
    (
        "totalMs",
        &["total", "timeout", "timeoutms", "overall", "deadline", "requestms"],
    ),
    ("graceMs", &["grace", "graceperiod"]),
    ("attemptsMax", &["maxattempts", "maxretries", "retries", "attempts"]),
    (
        "backoffMs",
        &[
            "backoff",
            "delay",
            "delayms",
            "initialdelay",
            "initialdelayms",
            "mintimeout",
            "basedelay",
        ],
    ),
    ("backoffMaxMs", &["maxbackoff", "maxdelay", "maxdelayms", "maxtimeout"]),
    ("backoffFactor", &["factor", "multiplier"]),
    // Models
    ("source", &["provider", "runner", "backend"]),
    (
        "contextLength",
        &["contextwindow", "contextsize", "maxinputtokens", "ctx"],
    ),
    ("maxOutputTokens", &["maxtokens", "outputlimit", "maxcompletiontokens"]),
    ("pricing", &["price", "prices", "cost", "costs"]),
    ("input", &["prompt", "inputprice", "inputcost", "inputtokens"]),
    ("output", &["completion", "outputprice", "outputcost", "outputtokens"]),
    ("cacheReadInput", &["cachedinput", "cacheread", "inputcacheread"]),
    (
        "cacheCreationInput",
        &["cachewrite", "cachewriteinput", "inputcachewrite"],
    ),
    // Logs
    ("durability", &["durable", "sync", "synchronous", "fsync", "mode"]),
    ("access", &["readonly", "mode", "flags", "writable"]),
    (
        "lockWaitMs",
        &["busytimeout", "locktimeout", "lockwait", "timeout", "timeoutms"],
    ),
    ("fullTextSearch", &["fulltext", "fts", "fts5", "search", "textsearch"]),
    ("retention", &["retain", "prune", "ttl", "expiry"]),
    ("redaction", &["redact", "mask", "scrub"]),
    ("patterns", &["regex", "regexes", "regexps", "expressions", "pattern"]),
    ("fields", &["paths", "field", "keys"]),
    ("observe", &["observer", "onevent", "onrecord", "subscribe", "listener"]),
    ("checkpoint", &["checkpoints", "signing"]),
    (
        "key",
        &[
            "encryptionkey",
            "password",
            "passphrase",
            "secret",
            "encryption",
            "privatekey",
            "signingkey",
        ],
    ),
    ("publicKey", &["pubkey", "verifykey", "key"]),
    ("everyMs", &["interval", "intervalms", "every"]),
    ("onCheckpoint", &["callback", "handler", "save", "keep"]),
    (
        "maxAge",
        &["maxagems", "age", "agems", "olderthan", "ttl", "before", "days"],
    ),
    ("maxBytes", &["maxsize", "size", "bytes", "maxsizebytes"]),
    ("maxCalls", &["count", "maxcount", "max", "limit", "calls"]),
    ("keep", &["exclude", "except", "keeptags", "tags", "tag"]),
    ("traceId", &["id", "callid", "trace"]),
    ("tag", &["label", "tags", "labels"]),
    (
        "since",
        &[
            "from",
            "after",
            "start",
            "starttime",
            "startedafter",
            "gte",
            "newerthan",
        ],
    ),
    (
        "until",
        &["to", "before", "end", "endtime", "startedbefore", "lt", "olderthan"],
    ),
    ("from", &["start", "since", "begin", "position", "first", "fromseq"]),
    ("to", &["end", "until", "last", "toseq"]),
    ("after", &["cursor", "since", "lasteventid"]),
    (
        "cursor",
        &[
            "after",
            "pagetoken",
            "next",
            "offset",
            "before",
            "token",
            "continuation",
        ],
    ),
    ("text", &["search", "query", "contains", "match", "words"]),
    ("limit", &["max", "count", "take", "first", "pagesize", "top"]),
    ("order", &["sort", "direction", "orderby", "sortby"]),
    ("status", &["state", "outcome"]),
    ("as", &["format", "mode", "type", "kind", "encoding"]),
];

/// Options of a call that callers may put into the request by mistake.
const CALL_OPTIONS: &[&str] = &["signal", "timeouts", "limits", "retry", "runner"];
/// Options of an engine that callers may put into a request or the options of a call by mistake.
const ENGINE_OPTIONS: &[&str] = &["models", "eventLog", "onLogFailure"];
/// Fields of a request, and of its `params`, that callers may put into the options of a call by mistake.
const REQUEST: &[&str] = &[
    "prompt",
    "model",
    "messages",
    "context",
    "params",
    "images",
    "tools",
    "responseFormat",
    "fallbackModels",
    "clientRef",
    "conversationId",
    "parentTraceId",
    "tags",
    "providerOptions",
];
const PARAMS: &[&str] = &[
    "temperature",
    "topP",
    "topK",
    "maxTokens",
    "stop",
    "seed",
    "frequencyPenalty",
    "presencePenalty",
    "reasoningEffort",
    "budgetTokens",
    "toolChoice",
    "parallelToolCalls",
];
/// SDK options for reaching the provider. They belong to the runner, not to the engine.
const WIRE: &[&str] = &[
    "apikey",
    "apikeys",
    "baseurl",
    "basepath",
    "endpoint",
    "headers",
    "defaultheaders",
    "extraheaders",
    "fetch",
    "organization",
    "project",
    "httpagent",
    "agent",
    "dispatcher",
    "proxy",
    "apiversion",
    "extraquery",
];
/// SDK options for streaming. Not needed here, because every call streams.
const STREAMING: &[&str] = &["stream", "streaming", "streamoptions"];

/// A normal form: the same for `max_tokens`, `max-tokens`, `maxTokens` and `MAX_TOKENS`.
pub(super) fn normal(name: &str) -> String {
    name.chars()
        .filter(|letter| letter.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

/// The known name with the same meaning, in another spelling or in the terms of another library.
pub(super) fn same<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = normal(name);
    let spelt = known.iter().find(|known| normal(known) == name);
    let is_synonym = |known: &&&str| {
        SYNONYMS
            .iter()
            .any(|(ours, theirs)| ours == *known && theirs.contains(&name.as_str()))
    };
    spelt.or_else(|| known.iter().find(is_synonym)).copied()
}

/// The known name with a similar spelling.
pub(super) fn near<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    const NAME_MAX: usize = 64;
    const PREFIX_MIN: usize = 3;
    let name = normal(name);
    let length = name.chars().count();
    if length == 0 || length > NAME_MAX {
        return None;
    }
    let distances = || {
        known
            .iter()
            .map(|known| (strsim::osa_distance(&name, &normal(known)), *known))
    };
    if length < PREFIX_MIN {
        // So little text is like many names: only a name that lacks one letter of a single known one counts.
        let mut lacking = distances().filter(|(distance, known)| *distance == 1 && known.chars().count() == length + 1);
        return lacking
            .next()
            .filter(|_| length > 1 && lacking.next().is_none())
            .map(|(_, known)| known);
    }
    // One wrong letter in a short name, two or three in a long one.
    let allowed = (length / 4).clamp(1, 3);
    match distances().min_by_key(|(distance, _)| *distance) {
        Some((distance, known)) if distance <= allowed => Some(known),
        _ => known
            .iter()
            .find(|known| {
                let known = normal(known);
                known.starts_with(&name) || (known.len() > PREFIX_MIN && name.starts_with(&known))
            })
            .copied(),
    }
}

/// Where exactly a field goes whose name means one of the known ones. A model's runner goes into its `source`.
pub(super) fn place_of<'a>(name: &str, found: &'a str) -> &'a str {
    const RUNNER: &[&str] = &["runner", "inferencerunner", "backend"];
    match found {
        "source" if RUNNER.contains(&normal(name).as_str()) => "source.runner",
        found => found,
    }
}

/// The hint for a tool call in the format of OpenAI's Chat Completions, in which the function is an object of its own.
pub(super) fn nested_function(name: &str, known: &[&str]) -> Option<&'static str> {
    let is_tool_call = known.contains(&"name") && known.contains(&"arguments");
    (name == "function" && is_tool_call).then_some("put its `name` and `arguments` beside `id`, not under `function`")
}

/// The known name that was probably meant.
pub(super) fn meant<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    same(name, known).or_else(|| near(name, known))
}

/// The hint for a field that belongs to another argument, or is not needed. `owner` is the Rust name of the type that
/// was read.
pub(super) fn elsewhere(name: &str, owner: &str) -> Option<String> {
    let plain = normal(name);
    let is_request = owner == "GenerateRequest";
    let is_call_options = owner == "CallOptions";
    if !is_request && !is_call_options && owner != "EngineOptions" {
        return None;
    }
    if is_request && let Some(option) = same(name, CALL_OPTIONS) {
        return Some(format!("put it into the call options (second argument) as `{option}`"));
    }
    if is_call_options {
        let field = same(name, REQUEST).map(str::to_owned);
        let field = field.or_else(|| same(name, PARAMS).map(|name| format!("params.{name}")));
        if let Some(field) = field {
            return Some(format!("put it into the request (first argument) as `{field}`"));
        }
    }
    if (is_request || is_call_options) && ENGINE_OPTIONS.iter().any(|option| normal(option) == plain) {
        return Some("it is an option of the engine".into());
    }
    if WIRE.contains(&plain.as_str()) {
        return Some("it belongs to the runner, which makes the provider's HTTP request".into());
    }
    if STREAMING.contains(&plain.as_str()) {
        return Some("leave it out: every call streams".into());
    }
    None
}

/// The hint for a field that only some provider knows. `path` is the path of the object that has the field.
pub(super) fn own_of_provider(owner: &str, path: &str) -> Option<String> {
    let may_be = owner == "GenerateRequest" && (path.is_empty() || path == "params");
    may_be.then(|| "put provider-specific fields into `providerOptions`".into())
}

/// The error message for an unknown field.
pub(super) fn unknown_field(meant: Option<&str>, known: &[&str]) -> String {
    let hint = meant.map_or(String::new(), |meant| format!("did you mean `{meant}`?"));
    unknown_field_with(&hint, known)
}

/// Like [`unknown_field`], with a given hint instead of the nearest known name. An empty `hint` is left out.
pub(super) fn unknown_field_with(hint: &str, known: &[&str]) -> String {
    let known = if known.is_empty() {
        "no fields are allowed here".into()
    } else {
        format!("known are {}", known.join(", "))
    };
    let before = if hint.is_empty() { "" } else { "; " };
    format!("unknown field; {known}{before}{hint}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use schemars::JsonSchema;

    use super::{CALL_OPTIONS, PARAMS, REQUEST, SYNONYMS, elsewhere, meant, normal, same};
    use crate::options::{CallOptions, EngineOptions};
    use crate::tasks::generate::{GenerateParams, GenerateRequest};

    fn fields<T: JsonSchema + 'static>() -> BTreeSet<&'static str> {
        let properties = crate::shape::schema_of::<T>().get("properties");
        let names = properties.and_then(serde_json::Value::as_object).into_iter().flatten();
        names.map(|(name, _)| name.as_str()).collect()
    }

    fn set<'a>(names: &[&'a str]) -> BTreeSet<&'a str> {
        names.iter().copied().collect()
    }

    #[test]
    fn the_lists_of_fields_are_those_of_the_types() {
        assert_eq!(set(REQUEST), fields::<GenerateRequest>());
        assert_eq!(set(PARAMS), fields::<GenerateParams>());
        let hosts = set(&["signal", "runner"]);
        let options: BTreeSet<_> = fields::<CallOptions>().union(&hosts).copied().collect();
        assert_eq!(set(CALL_OPTIONS), options);
    }

    #[test]
    fn words_of_others_are_written_as_they_are_compared() {
        for word in SYNONYMS.iter().flat_map(|(_, theirs)| *theirs) {
            assert_eq!(&normal(word), word);
        }
    }

    #[test]
    fn a_name_in_another_spelling_or_with_one_wrong_letter_is_found() {
        let known: Vec<&str> = fields::<EngineOptions>()
            .into_iter()
            .chain(fields::<GenerateParams>())
            .collect();
        for name in &known {
            let snake: String = name
                .chars()
                .flat_map(|letter| {
                    let lower = letter.to_ascii_lowercase();
                    letter.is_uppercase().then_some('_').into_iter().chain([lower])
                })
                .collect();
            assert_eq!(same(&snake, &known), Some(*name));
            assert_eq!(same(&name.to_uppercase(), &known), Some(*name));
            let (start, end) = name.split_at(name.len() - 1);
            assert_eq!(meant(&format!("{start}x{end}"), &known), Some(*name), "{name}");
        }
    }

    #[test]
    fn of_a_name_of_three_letters_one_may_be_missing_when_only_one_name_is_meant() {
        assert_eq!(meant("ky", &["key", "access"]), Some("key"));
        assert_eq!(meant("tg", &["traceId", "tag"]), Some("tag"));
        assert_eq!(meant("ur", &["url", "detail"]), Some("url"));
        assert_eq!(meant("ta", &["tab", "tag"]), None);
        assert_eq!(meant("k", &["key", "ke"]), None);
        assert_eq!(meant("ab", &["tag", "abcd"]), None);
    }

    #[test]
    fn a_name_that_is_like_none_is_taken_for_none() {
        for name in ["", "x", "zzz", "foo", "\u{1F600}", &"a".repeat(10_000)] {
            assert_eq!(meant(name, REQUEST), None, "{name:.20}");
            assert_eq!(elsewhere(name, "GenerateRequest"), None);
        }
    }
}
