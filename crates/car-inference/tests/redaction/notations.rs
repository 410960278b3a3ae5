//! Values that only their label tells, in the ways that people and programs write them. `V` is a key, `P` a password.

use super::made::Maker;
use super::{REDACTED, builtin, cuts_of, streamed};
use proptest::prelude::*;

const NOTATIONS: &[&str] = &[
    // Settings.
    "OPENAI_API_KEY=V",
    "export GITHUB_TOKEN=V",
    "FOO_SECRET=V",
    "SECRET_KEY=V",
    "DB_PASSWORD=P",
    "MYSQL_ROOT_PASSWORD: P",
    "spring.datasource.password=P",
    "api.key = V",
    "aws_secret_access_key = V",
    "//registry.example.com/:_authToken=V",
    "API_KEY_PROD=V",
    "STRIPE_KEY=V",
    "NEXTAUTH_SECRET=V",
    "password1=P",
    "sa_password=P",
    "- MYSQL_PASSWORD=P",
    "ENV API_KEY V",
    "setx API_KEY V",
    "api_key=\"V\"  # comment",
    "bearer_token=V",
    "signing_key: V",
    "AZURE_OPENAI_KEY=V",
    "TOKEN_GITHUB=V",
    // JSON, as text within JSON too.
    r#""apiKey": "V""#,
    r#"{"token":"V"}"#,
    r#""passwd": "P""#,
    r#""secretKey": "V""#,
    r#"{\"token\":\"V\"}"#,
    r#"{\\\"token\\\":\\\"V\\\"}"#,
    r#""client_secret":"V""#,
    r#""access_token" : "V""#,
    r#""dbPassword":"P""#,
    r#""headers":{"x-api-key":"V"}"#,
    r#""name": "API_KEY", "value": "V""#,
    r#"{"name":"DB_PASSWORD","value":"P"}"#,
    r#""api_keys": ["V"]"#,
    r#""SecretAccessKey": "V""#,
    "&quot;token&quot;:&quot;V&quot;",
    // YAML and XML.
    "auth_token: V",
    "- name: API_KEY\n  value: \"V\"",
    "name: SECRET_TOKEN\nvalue: V",
    "api_key:\n  V",
    "api_key: |\n  V",
    "<apiKey>V</apiKey>",
    "<password>P</password>",
    r#"<add key="ApiKey" value="V" />"#,
    r#"<property name="password" value="P"/>"#,
    r#"<entry key="db.password">P</entry>"#,
    r#"<string name="api_key">V</string>"#,
    "<key>ApiKey</key>\n<string>V</string>",
    "<property><name>fs.secret.key</name><value>V</value></property>",
    // Addresses.
    "https://x.org/cb?a=1&access_token=V",
    "https://x.org/v1?key=V&x=1",
    "https://x.org/?token=V#part",
    "?sig=V&se=1",
    "api_key%3DV%26x",
    "%22token%22%3A%22V%22",
    "user=a&password=P&x=1",
    // Headers.
    "X-Api-Key: V",
    "x-auth-token: V",
    "PRIVATE-TOKEN: V",
    "Ocp-Apim-Subscription-Key: V",
    "Authorization: V",
    "Authorization: Basic V",
    "Authorization: Bearer V",
    "authorization: token V",
    "-H 'Authorization: Bearer V'",
    r#""Authorization": "Bearer V""#,
    r#"["Authorization", "Bearer V"]"#,
    "Set-Cookie: sid=V; Path=/",
    "Bearer V",
    // Commands.
    "--api-key V",
    "--password P",
    "--token=V",
    "--client-secret 'V'",
    "curl -u admin:P https://x.y",
    "curl --user admin:P https://x.y",
    "mysql -u root -pP db",
    "sshpass -p P ssh host",
    "docker login -u x -p P",
    "PGPASSWORD=P psql",
    "redis-cli -a P",
    "machine x login y password P",
    // Connection strings and SQL.
    "Server=x;User Id=u;Password=P;Encrypt=true",
    "AccountName=a;AccountKey=V;EndpointSuffix=core.windows.net",
    "Pwd=P;",
    "ALTER USER x WITH PASSWORD 'P'",
    "CREATE USER x IDENTIFIED BY 'P'",
    // Program text.
    "const apiKey = \"V\";",
    "apiKey: 'V'",
    "apiKey: `V`",
    "apiKey := \"V\"",
    ":api_key => \"V\"",
    "let token: String = \"V\";",
    "apiKey: string = \"V\"",
    "var apiKey string = \"V\"",
    "os.environ[\"API_KEY\"] = \"V\"",
    "process.env.API_KEY || \"V\"",
    "const apiKey = process.env.API_KEY ?? \"V\"",
    "os.environ.get(\"API_KEY\", \"V\")",
    "headers.set(\"x-api-key\", \"V\")",
    ".setPassword(\"P\")",
    "api_key=SecretStr(\"V\")",
    "new Client({ apiKey: \"V\" })",
    "Client(api_key=\"V\", x=1)",
    "client(token=V).run()",
    "password=b\"P\"",
    "$password = \"P\";",
    // Prose and tables.
    "API key: V",
    "**API key:** V",
    "**API Key**: `V`",
    "- API key: V",
    "API key:\n\nV",
    "Your API key is V",
    "The password is P",
    "Client Secret: V",
    "| API key | V |",
    "| `SECRET_KEY` | `V` |",
    "<td>API key</td><td>V</td>",
    // Marks that seldom stand between a name and its value.
    "api_key\tV",
    "NAME\tSIZE\nAPI_KEY\tV",
    "password\tP",
    "api_key,V",
    "token;V",
    "API key -> V",
    "API key → V",
    "password – P",
    "access token - V",
    "api_key <- \"V\"",
    "ENV[\"API_KEY\"] ||= \"V\"",
    "client -token V",
    "Connect -ApiKey V",
    "I set the password to P",
    "set the API key to V",
    "http -a user:P https://x.org",
    "&lt;apiKey&gt;V&lt;/apiKey&gt;",
    // Values in brackets, in three quotes, in an object of their own, behind a tag.
    "api_key = \"\"\"V\"\"\"",
    "password = '''P'''",
    "token: \"\"\"\nV\n\"\"\"",
    "{\"token\": {\"value\": \"V\"}}",
    "variable \"api_key\" {\n  default = \"V\"\n}",
    "token: !secret V",
    "api_key: &key V",
    "<input type=\"password\" value=\"P\">",
    "{\"type\":\"password\",\"value\":\"P\"}",
    "requests.get(url, auth=(\"user\", \"P\"))",
    "HTTPBasicAuth('user', 'P')",
    "new AzureKeyCredential(\"V\")",
    "ConvertTo-SecureString \"P\" -AsPlainText",
    "psk=P",
    // Other languages.
    "Kennwort: P",
    "Passwort: P",
    "contraseña: P",
    "mot de passe : P",
    "senha: P",
    "hasło: P",
    "пароль: P",
    "Пароль: P",
    "Şifre: P",
    "токен: V",
    "密码：P",
    "密钥: V",
    "パスワード: P",
    "비밀번호: P",
    "كلمة المرور: P",
    "Kennwort = P",
    "{\"密码\": \"P\"}",
];

/// Notations in which hexadecimal values stay, since hashes and ids are written so, too.
const NOTATIONS_OF_MIXED_LETTERS: &[&str] = &[
    "use the token V to log in",
    "secret V",
    "aws configure set aws_secret_access_key V",
    "npm config set //registry.npmjs.org/:_authToken V",
    "git config --global github.token V",
    "api key: <V>",
    "tokens: [V]",
    "tokens: [V, word]",
    "api key: (V)",
];

/// The notation with its value, and whether that is a password.
fn filled(notation: &str, key: &str, password: &str) -> String {
    let is_value = |at: usize, letter: &str| {
        let bytes = notation.as_bytes();
        let is_free = |at: Option<usize>| {
            at.and_then(|at| bytes.get(at))
                .is_none_or(|byte| !byte.is_ascii_alphanumeric())
        };
        let begins = is_free(at.checked_sub(1))
            || notation[..at].ends_with("-p")
            || notation[..at].ends_with("%22")
            || notation[..at].ends_with("%3D");
        begins && is_free(Some(at + 1)) && notation[at..].starts_with(letter)
    };
    let places = || notation.char_indices().map(|(at, _)| at);
    let at = |letter| places().find(|at| is_value(*at, letter));
    match (at("V"), at("P")) {
        (Some(at), _) => format!("{}{key}{}", &notation[..at], &notation[at + 1..]),
        (None, Some(at)) => format!("{}{password}{}", &notation[..at], &notation[at + 1..]),
        (None, None) => panic!("no value in {notation}"),
    }
}

fn check_filled(notation: &str, key: &str, password: &str) -> String {
    let text = format!("Please look at this: {}\nand say why.", filled(notation, key, password));
    let redacted = builtin().text(&text).into_owned();
    let has_password = !password.is_empty() && redacted.contains(password);
    assert!(!redacted.contains(key) && !has_password, "{redacted}");
    assert!(redacted.contains(REDACTED), "{redacted}");
    assert!(
        redacted.starts_with("Please look at this: ") && redacted.ends_with("\nand say why."),
        "{redacted}"
    );
    text
}

#[test]
fn a_value_is_removed_in_every_notation() {
    let mut maker = Maker::new(16);
    for notation in NOTATIONS {
        for form in ["{a32}", "{h32}", "{a40}", "{h64}", "{a11}-{a11}_{a11}"] {
            let (key, password) = (maker.fill(form), maker.password());
            check_filled(notation, &key, &password);
        }
    }
    for notation in NOTATIONS_OF_MIXED_LETTERS {
        for form in ["{a32}", "{a40}", "{a11}-{a11}_{a11}"] {
            check_filled(notation, &maker.fill(form), "");
        }
    }
}

#[test]
fn a_value_is_removed_however_its_label_and_it_are_cut() {
    let mut maker = Maker::new(17);
    for notation in NOTATIONS.iter().chain(NOTATIONS_OF_MIXED_LETTERS) {
        let text = check_filled(notation, &maker.letters('a', 32), &maker.password());
        let whole = builtin().text(&text).into_owned();
        for step in [1, 2, 3, 5, 8, 13] {
            let letters = text.char_indices().map(|(at, _)| at);
            let cuts: Vec<_> = letters.step_by(step).collect();
            assert_eq!(
                streamed(&builtin(), &text, &cuts).concat(),
                whole,
                "{notation} in deltas of {step}"
            );
        }
    }
}

#[test]
fn short_and_made_up_values_are_removed_where_the_label_leaves_no_doubt() {
    for (text, expected) in [
        ("password: hunter2", "password: [REDACTED]"),
        ("PASSWORD=Passw0rd!", "PASSWORD=[REDACTED]!"),
        (r#"{"password":"p"}"#, r#"{"password":"[REDACTED]"}"#),
        (
            "passphrase: \"correct horse battery staple\"",
            "passphrase: \"[REDACTED]\"",
        ),
        (
            "HEROKU_API_KEY: 01234567-89ab-cdef-0123-456789abcdef",
            "HEROKU_API_KEY: [REDACTED]",
        ),
        ("TOTP_SECRET=JBSWY3DPEHPK3PXP", "TOTP_SECRET=[REDACTED]"),
        ("Basic dXNlcjpwYXNz", "Basic [REDACTED]"),
        ("x{token:'a1B2c3D4e5F6g7H8',name:'x'}", "x{token:'[REDACTED]',name:'x'}"),
        (
            r#"{"tokens":["a1B2c3D4e5F6g7H8","z9Y8x7W6v5U4t3S2"],"n":1}"#,
            r#"{"tokens":["[REDACTED]","[REDACTED]"],"n":1}"#,
        ),
    ] {
        super::check(text, expected);
    }
}

/// Prose of `bytes` bytes that ends with a mark.
fn prose(bytes: usize) -> String {
    let words = "The river was quiet, and the answer is under a large cloud. ".chars();
    let mut text: String = words.cycle().take(bytes - 1).collect();
    text.push('\n');
    text
}

/// The scanner drops text that it has read, from about one KiB on.
#[test]
fn a_value_is_removed_after_text_that_is_dropped() {
    let mut maker = Maker::new(19);
    for (notation, bytes) in NOTATIONS
        .iter()
        .chain(NOTATIONS_OF_MIXED_LETTERS)
        .zip((1_000..1_045).cycle())
    {
        let written = filled(notation, &maker.letters('a', 32), &maker.password());
        let text = prose(bytes) + &written;
        let whole = builtin().text(&text).into_owned();
        assert_ne!(whole, text, "{notation}");
        let each: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
        assert_eq!(
            streamed(&builtin(), &text, &each).concat(),
            whole,
            "{notation} in letters"
        );
        for cut in (bytes..text.len()).filter(|at| text.is_char_boundary(*at)) {
            assert_eq!(
                streamed(&builtin(), &text, &[0, cut]).concat(),
                whole,
                "{notation} cut at {cut}"
            );
        }
    }
}

fn notation() -> impl Strategy<Value = &'static str> {
    prop::sample::select(NOTATIONS)
}

proptest! {
    #[test]
    fn no_cut_of_text_with_labelled_values_shows_any_of_them(
        notations in prop::collection::vec(notation(), 1..4),
        key in "[a-z][A-Z][0-9][A-Za-z0-9]{29}",
        password in "[a-z][0-9][A-Za-z]{4}[!#][A-Za-z0-9]{6}",
        between in prop::sample::select(vec!["\n", "\n\n", ", ", "; ", " and ", "\n- "]),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let texts: Vec<_> = notations.iter().map(|notation| filled(notation, &key, &password)).collect();
        let text = texts.join(between);
        let whole = builtin().text(&text).into_owned();
        prop_assert_eq!(streamed(&builtin(), &text, &cuts_of(&text, &cuts)).concat(), whole.clone());
        if between == "\n\n" {
            prop_assert!(!whole.contains(&key) && !whole.contains(&password), "{}", whole);
        }
    }

    #[test]
    fn no_cut_of_any_text_with_marks_of_notations_is_redacted_otherwise_than_the_whole(
        pieces in prop::collection::vec(
            prop_oneof![
                notation().prop_map(str::to_owned),
                "[:=|>,;&?%\"'`\\\\\\-\\[({ \n]{1,4}",
                prop::sample::select(vec![
                    "api_key", "password", "token", "value", " is ", " was ", "password(\"", "%3a", "\\u002f", "--", "://",
                    "AKIA", "eyJ", "-----BEGIN ", "\t", " to ", "key ", "oken", "SECRET ", " -> ", "→", "：", "密码", "senha",
                    "&gt;", "<-", "\"\"\"", "!x ", "auth=(\"u\", ", " -token ", "{\n",
                ])
                    .prop_map(str::to_owned),
                "[A-Za-z0-9]{1,40}",
                "\\PC{0,4}",
            ],
            0..12,
        ),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..40),
    ) {
        let text = pieces.concat();
        let whole = builtin().text(&text).into_owned();
        prop_assert_eq!(streamed(&builtin(), &text, &cuts_of(&text, &cuts)).concat(), whole);
    }
}
