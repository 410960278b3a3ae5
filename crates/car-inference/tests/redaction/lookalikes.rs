//! Text that stays as it is, although it looks a little like a secret, or has a label of one.

use super::check;

#[track_caller]
fn check_all(texts: &[&str]) {
    for text in texts {
        check(text, text);
        let within = format!("Please look at this: {text}\nand say why.");
        check(&within, &within);
    }
}

#[test]
fn ids_and_hashes_stay() {
    check_all(&[
        "request 550e8400-e29b-41d4-a716-446655440000 failed",
        "commit 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "\"integrity\": \"sha512-q8Zk3vWp0sTn7xLbq8Zk3vWp0sTn7xLbq8Zk3vWp0sTn7xLb==\"",
        "ETag: \"33a64df551425fcc55e4d42a148795d9f25f89d4\"",
        "cache_key: 9fceb02d0ae598e95dc970b74767f19372d61af8",
        "\"primary_key\": \"a1b2c3d4e5f6a7b8c9d0\"",
        "idempotency-key: 550e8400-e29b-41d4-a716-446655440000",
        "session_id: 550e8400-e29b-41d4-a716-446655440000",
        "trace_id=4bf92f3577b34da6a3ce929d0e0e4736",
        "chatcmpl-9fKx2LmQ8vYtR4nB7cZpW1sDgHjE",
        "toolu_01A09q90qw90lq917835lq9",
        "resp_67ccd2bed1ec8190b14f964abc0542670bb6a6b452d3795b",
        "msg_01XFDUDYJgAACzvnptvVoYEL",
        "call_abc123DEF456ghi789JKL012",
        "req_011CPzFf2vN5hTqfGnvyRsmW",
        "file-9fKx2LmQ8vYtR4nB7cZpW1sD",
        "re_1Nispe2eZvKYlo2Cd31jOCgZ",
        "next_page_token: CAUQAA1b2c3d4e5f6g7h8",
        "cursor=eyJpZCI6MTIzNDU2Nzg5MH0",
        "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk",
        "\"signature\": \"EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds\"",
        "public_key: MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIB",
        "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 user@host",
        "gpg --recv-keys 5BE8A3F6C8A5C01D106C0AD820B1A390B168D356",
        "arn:aws:secretsmanager:us-east-1:123456789012:secret:MySecret-a1b2c3",
        "0xdeadbeefcafebabe and #a1b2c3",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n-----END CERTIFICATE-----",
    ]);
}

#[test]
fn counts_and_words_about_secrets_stay() {
    check_all(&[
        "token count: 5",
        "max_tokens=4096",
        "\"max_tokens\": 4096",
        "prompt_tokens=15 completion_tokens=20",
        "token_type: bearer",
        "expires_in=3600&token_type=bearer",
        "token_expiry: 2024-01-01T00:00:00Z",
        "\"token\": \"Hello\"",
        "{\"token\":\" the\",\"logprob\":-0.01,\"bytes\":[32,116]}",
        "\"eos_token\": \"</s>\", token: \"<|endoftext|>\"",
        "password reset",
        "password: required",
        "password: must have 8 characters",
        "the token is invalid",
        "Your password is incorrect. The key is here.",
        "The secret: practice every day.",
        "The key: consistency. Keys matter.",
        "Password policy: minimum 12 characters, 1 digit",
        "| Password | string | required |",
        "| token | meaning |\n|---|---|\n| eos | end of sequence |",
        "Cookie: a small piece of data",
        "authorization: required",
        "bearer of good news, basic authentication-with-certificates",
        "this is *guaranteed* to pass: every_time_2024",
        "monkey: banana, author: Ann, keyboard: qwerty",
        "risk-adjusted-return-on-capital-2024",
        "sk-fading-circle-container-for-loading",
        "api-key-management-best-practices",
        "gpt-4o-mini-2024-07-18 and claude-3-5-sonnet-20241022",
    ]);
}

#[test]
fn what_stands_for_a_secret_stays() {
    check_all(&[
        "API_KEY=<your key>",
        "API_KEY=${API_KEY}",
        "API_KEY=$API_KEY",
        "api_key=\"YOUR_API_KEY\"",
        "OPENAI_API_KEY=your-api-key-here",
        "OPENAI_API_KEY=sk-...",
        "password: ********",
        "apiKey: \"xxxxxxxxxxxxxxxxxxxxxxxx\"",
        "password: ${{ secrets.DB_PASSWORD }}",
        "Authorization: Bearer <token>",
        "Authorization: Bearer $TOKEN",
        "Authorization: Bearer YOUR_API_KEY",
        "\"Authorization\": `Bearer ${token}`",
        "\"password\": \"string\"",
        "token: null, secret: true, api_key=None",
        "--token-file /run/secrets/token --key ./server.key --password-stdin",
        "docker run -u 1000:1000 img; git push -u origin:main; ssh -p 2222 host; mkdir -p a/b",
        "?key=name&sort=asc, https://example.com/?page=2&key=name",
    ]);
}

#[test]
fn program_text_stays() {
    check_all(&[
        "apiKey: process.env.OPENAI_API_KEY,",
        "const keys = Object.keys(value)",
        "password = getpass.getpass()",
        "password: z.string().min(8)",
        "password: bcrypt.hash(password, 10)",
        "password = password.encode(\"latin1\")",
        "if (password === confirmPassword) {",
        "const token = req.headers.authorization",
        "token = await getToken(user)",
        "secret_access_key: SandboxProxySecret;",
        "const key = this.keyMapByRunId[runId];",
        "fn try_from(pkcs8_key: &pkcs8::KeypairBytes) -> Self {",
        "pub api_key: Option<SecretString>, token: &str,",
        "password?: string; apiKey: string",
        "<input type=\"password\" name=\"password\" id=\"password1\">",
        "password: { type: String, required: true }",
        "\"required\": [\"username\", \"password\"]",
        "t(\"errors.password.short\")",
        "export const API_KEY_HEADER = \"x-api-key\";",
        "const TOKEN_URL = \"https://example.com/oauth/token\";",
        "\"@inquirer/password\": \"^5.2.5\"",
        "#define KU_KEY_CERT_SIGN X509v3_KU_KEY_CERT_SIGN",
        "assert_ne!(a.hasher().seed, b.hasher().seed);",
        "MovedAttribute(\"HTTPPasswordMgrWithDefaultRealm\", \"urllib2\", \"urllib.request\")",
        "(?:api|secret|token|password|passwd|apikey|accesskey)s?$/.test(normalized)",
        "Win32_System_PasswordManagement = [\"Win32_System\"]",
        "keyof NonNullable<TObject[TKey1]>[TKey2](object: TObject)",
    ]);
}

#[test]
fn what_follows_a_label_in_prose_tables_and_code_stays() {
    check_all(&[
        "the token count is five, the key idea is simple and the secret ingredient is time",
        "set the key to name, set the token to null and the password to something strong",
        "password\trequired\tstring",
        "name,token,count\nbob,word,3",
        "f(token,count);g(key,value);h(secret,other)",
        "let x=token;return x",
        "node->key->value, key -> value, token -> TokenKind",
        "API key -> see the dashboard",
        "API key – where to find it",
        "token - a word of a text",
        "key <- names(x)",
        "token: !Ref ApiToken",
        "password: <your password>, token: (see below), key: [name]",
        "{\"token\": {\"value\": \"word\", \"type\": \"string\"}}",
        "variable \"api_key\" {\n  type = string\n}",
        "docker build --secret id=npmrc,src=.npmrc .",
        "grep -token file; find . -name key; tar -passphrase-file x",
        "Passwort: erforderlich; mot de passe : obligatoire; пароль: обязательно; 密码：必填; ключ: значение",
        "<input type=\"text\" value=\"hello\">",
        "r=e.password,n=e.username,t=1;this.password=password;this.salt=salt;a.password,b.email=c.email;",
        "def connect(user,password,timeout=30): pass; const {user,pass,port=5432}=cfg; f(p,pass,len2,1,key,iv)",
        "SELECT password,last_2fa_at FROM users; username,password,is_2fa_enabled,role",
        "spf=pass;dkim=pass;dmarc=pass; auth=pass;user=bob1; 1,PASS,node7a; PASS - test_login_2fa; LLVM pass -> mem2reg",
        "PASS\t0.003s\ttest_2fa; Ski pass - 199EUR; pass <- df$score>=50",
        "密码：请输入至少8位的abc1字符。密钥：见文档。然后我们继续讨论天气很好",
        "{\"确认密码：两次输入的密码不一致!请重试abc\":1}, 암호: AES256방식.",
        "document.cookie,e=t.split(\"; \"); req.cookies;next=1; headers.authorization;const a1b2c3=require(\"x\")",
        "gpg: using RSA key 4AEE18F83AFDEB23; ECDSA key SHA256:uNiVztksCsDhcc0u9e8BgrJXVGDzAnKGtX8cB2tHkF0",
        "cache miss for key d41d8cd98f00b204e9800998ecf8427e; Cache saved with key Linux-x64-npm-5ee2c0d7b8a14f0d",
        "ERC20 token 0xdAC17F958D2ee523a2206206994597C13D831ec7; kubectl delete secret my-app-tls-7f9c4d5b6c-x2x4z",
        "{\"forgotPassword\": {\"text\": \"Vergessen?\"}, \"password\": {\"value\": \"Kennwort\"}}",
        "<input type=\"password\" value=\"Kennwort\">; output \"db_password\" {\n  value = \"see-vault\"\n}",
        "MasterUserPassword: !Ref Db2Password; password: !secret wifi_password_2g; fn f(password: &mut Argon2Params, n: u8)",
        "fn password(self) -> Argon2Hash {; hash :: Password -> Sha256Hash; username → password → 2fa-code",
        "Mot de passe : 8+caractères; пароль: 8+знаков",
        "Palabras clave: COVID19; senha: bcrypt10; пароль: SHA256-хэш; WPA2-PSK: AES256; mask.pass |= 0xFF00AA",
        "Migrate password to Argon2id13; hash the password to sha512crypt; openssl enc -pass env:MYPASS2X",
        "keys: [d41d8cd98f00b204e9800998ecf8427e]; imagePullSecrets: [regcred-9f86d081884c7d65]",
    ]);
}
