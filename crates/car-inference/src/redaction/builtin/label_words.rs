//! Words that names are made of, lower-case, in the order of their letters.

/// Words that may follow the name of a secret without changing what it is.
#[rustfmt::skip]
pub(super) const NEUTRAL: &[&[u8]] = &[
    b"b64", b"backup", b"base", b"base64", b"cleartext", b"current", b"dev", b"development", b"encoded", b"here",
    b"live", b"local", b"new", b"old", b"plain", b"plaintext", b"prd", b"previous", b"primary", b"prod",
    b"production", b"raw", b"sandbox", b"secondary", b"staging", b"str", b"string", b"test", b"val", b"value",
];

/// Words at whose end a name says something about a secret, but not the secret.
#[rustfmt::skip]
pub(super) const ABOUT: &[&[u8]] = &[
    b"alg", b"algorithm", b"arn", b"at", b"attempts", b"box", b"budget", b"button", b"bytes", b"callback",
    b"changed", b"check", b"checksum", b"class", b"cost", b"count", b"counts", b"created", b"date", b"days",
    b"description", b"digest", b"disabled", b"enabled", b"encoder", b"endpoint", b"env", b"error", b"errors",
    b"etag", b"event", b"events", b"example", b"exists", b"exp", b"expiration", b"expires", b"expiry", b"field",
    b"file", b"filename", b"fingerprint", b"form", b"format", b"func", b"function", b"generator", b"handler",
    b"hash", b"header", b"headers", b"help", b"helper", b"hint", b"id", b"ids", b"index", b"input", b"issuer",
    b"kind", b"label", b"last", b"left", b"len", b"length", b"limit", b"limits", b"link", b"list", b"location",
    b"logprob", b"logprobs", b"management", b"manager", b"max", b"md5", b"message", b"method", b"mgr", b"min",
    b"minutes", b"mode", b"model", b"name", b"names", b"number", b"offset", b"param", b"parameter", b"path",
    b"pattern", b"per", b"placeholder", b"policy", b"position", b"prefix", b"present", b"price", b"prompt",
    b"provider", b"rate", b"ref", b"reference", b"regex", b"region", b"remaining", b"required", b"reset",
    b"rotation", b"rules", b"scope", b"scopes", b"seconds", b"sha", b"sha1", b"sha256", b"sha512", b"size",
    b"source", b"state", b"status", b"store", b"strength", b"suffix", b"thumbprint", b"title", b"ttl", b"type",
    b"types", b"updated", b"uri", b"url", b"urls", b"usage", b"used", b"uuid", b"valid", b"validator", b"var",
    b"variable", b"vault", b"verify", b"version", b"view",
];

/// Words before `key` that make it no secret.
#[rustfmt::skip]
pub(super) const OPEN_KEYS: &[&[u8]] = &[
    b"aggregate", b"anchor", b"answer", b"arrow", b"bucket", b"cache", b"candidate", b"click", b"collation",
    b"column", b"composite", b"config", b"context", b"copy", b"cursor", b"data", b"dedup", b"dedupe",
    b"deduplication", b"delete", b"dict", b"dictionary", b"down", b"enter", b"entity", b"entry", b"escape",
    b"event", b"feature", b"file", b"foreign", b"function", b"gpg", b"group", b"hash", b"hot", b"i18n",
    b"idempotency", b"index", b"issue", b"item", b"join", b"label", b"lang", b"language", b"license", b"list",
    b"locale", b"localization", b"lookup", b"map", b"message", b"meta", b"metadata", b"natural", b"node", b"object",
    b"order", b"param", b"parent", b"partition", b"path", b"pgp", b"pk", b"pressed", b"primary", b"project",
    b"prompt", b"prop", b"property", b"pub", b"public", b"publishable", b"query", b"range", b"record", b"recv",
    b"reference", b"registry", b"resource", b"return", b"route", b"routing", b"row", b"s3", b"shard", b"shift",
    b"site", b"sort", b"space", b"state", b"storagepath", b"style", b"surrogate", b"tab", b"tag", b"task", b"trace",
    b"translation", b"tuple", b"type", b"unique", b"up", b"verification", b"verifying", b"yaml",
];

/// Words before `key` that make it a secret beyond doubt.
#[rustfmt::skip]
pub(super) const SECRET_KEYS: &[&[u8]] = &[
    b"access", b"account", b"admin", b"aes", b"anon", b"api", b"app", b"application", b"auth", b"bot", b"client",
    b"consumer", b"crypto", b"decryption", b"deploy", b"encryption", b"hmac", b"host", b"jwt", b"master",
    b"preshared", b"private", b"psk", b"root", b"rsa", b"sas", b"secret", b"server", b"service", b"session",
    b"shared", b"signing", b"ssh", b"storage", b"subscription", b"webhook", b"wireguard",
];

/// Words before `token` that make it a word of a text, or a place in a list.
#[rustfmt::skip]
pub(super) const OPEN_TOKENS: &[&[u8]] = &[
    b"begin", b"bos", b"cancel", b"cancellation", b"class", b"cls", b"color", b"comma", b"completion",
    b"continuation", b"cursor", b"delta", b"design", b"each", b"end", b"eos", b"expected", b"first", b"identifier",
    b"image", b"input", b"invalid", b"keyword", b"last", b"lexer", b"mask", b"max", b"min", b"missing", b"next",
    b"operator", b"output", b"pad", b"page", b"pagination", b"parser", b"per", b"prompt", b"sep", b"special",
    b"start", b"stop", b"syntax", b"theme", b"total", b"unexpected", b"unk", b"word",
];

/// Words before `pat`, which is short for a personal access token.
#[rustfmt::skip]
pub(super) const PERSONAL: &[&[u8]] = &[
    b"access", b"ado", b"azure", b"databricks", b"devops", b"gh", b"github", b"gitlab", b"personal", b"snowflake",
];

/// Words of sentences before a verb.
#[rustfmt::skip]
pub(super) const BEFORE_VERBS: &[&[u8]] = &[
    b"a", b"all", b"and", b"can", b"could", b"did", b"do", b"does", b"in", b"it", b"may", b"must", b"not", b"of",
    b"or", b"should", b"tests", b"that", b"the", b"they", b"this", b"to", b"we", b"will", b"would", b"you",
];
