//! Keys of clouds, databases and infrastructure.

use super::Piece::{Run, Text};
use super::{BASE64, DIGITS, DOTTED, HEX, Kind, LOWER, UPPER, URL, WORD, address, key, random};
use crate::redaction::builtin::window::{ALNUM, Set};

/// The letters of Bech32 (BIP 173), upper-case.
const BECH32: Set = Set::new(b"AZ09", b"");
/// The letters of a file name in an address.
const PATH: Set = Set::new(b"azAZ09", b"-_/.%");

pub(super) const KINDS: &[Kind] = &[
    // AWS access key ids: long-lived, temporary and of services, 16 (gitleaks `aws-access-token`); keys of Bedrock
    // (gitleaks `aws-amazon-bedrock-api-key-*`).
    key("AKIA", &[Run(UPPER, 16)]),
    key("ASIA", &[Run(UPPER, 16)]),
    random("ABIA", &[Run(UPPER, 16)]),
    random("ACCA", &[Run(UPPER, 16)]),
    key("ABSK", &[Run(BASE64, 60)]),
    key("bedrock-api-key-", &[Run(BASE64, 24)]),
    // Alibaba: 20 (gitleaks `alibaba-access-key-id`); Tencent: 32; Yandex (gitleaks `yandex-*`).
    key("LTAI", &[Run(ALNUM, 16)]),
    random("AKID", &[Run(ALNUM, 32)]),
    key("AQVN", &[Run(URL, 35)]),
    key("t1.", &[Run(URL, 6), Text("."), Run(URL, 60)]),
    random("y0_", &[Run(URL, 32)]),
    // Cloudflare: API tokens of users and accounts, global keys (TruffleHog `cloudflare*`), origin CA keys (gitleaks
    // `cloudflare-origin-ca-key`).
    key("cfut_", &[Run(ALNUM, 40)]),
    key("cfat_", &[Run(ALNUM, 40)]),
    key("cfk_", &[Run(ALNUM, 40)]),
    key("v1.0-", &[Run(HEX, 24), Text("-"), Run(HEX, 100)]),
    // DigitalOcean (gitleaks `digitalocean-*`).
    key("dop_v1_", &[Run(HEX, 40)]),
    key("doo_v1_", &[Run(HEX, 40)]),
    key("dor_v1_", &[Run(HEX, 40)]),
    // HashiCorp Vault: service, batch and recovery tokens, and the older ones (gitleaks `vault-*`); Terraform Cloud
    // (gitleaks `hashicorp-tf-api-token`), of which the part before the mark names the token.
    random("s.", &[Run(ALNUM, 24)]),
    key("hvs.", &[Run(URL, 24)]),
    key("hvb.", &[Run(URL, 24)]),
    key("hvr.", &[Run(URL, 24)]),
    address("atlasv1.", &[Run(URL, 50)]),
    // Doppler (TruffleHog `doppler`), Infisical, 1Password (gitleaks `1password-*`), age (gitleaks `age-secret-key`).
    key("dp.pt.", &[Run(ALNUM, 32)]),
    key("dp.st.", &[Run(DOTTED, 32)]),
    key("dp.ct.", &[Run(ALNUM, 32)]),
    key("dp.sa.", &[Run(ALNUM, 32)]),
    key("dp.scim.", &[Run(ALNUM, 32)]),
    key("dp.audit.", &[Run(ALNUM, 32)]),
    key("ops_eyJ", &[Run(BASE64, 60)]),
    key(
        "A3-",
        &[
            Run(UPPER, 6),
            Text("-"),
            Run(UPPER, 5),
            Text("-"),
            Run(UPPER, 5),
            Text("-"),
            Run(Set::new(b"AZ09", b"-"), 10),
        ],
    ),
    key("AGE-SECRET-KEY-1", &[Run(BECH32, 50)]),
    key("AGE-SECRET-KEY-PQ-1", &[Run(BECH32, 50)]),
    // Supabase (TruffleHog `supabasetoken`; its newer keys as its documentation shows them), PlanetScale (gitleaks
    // `planetscale-*`), Neon, Upstash's and Turso's are JSON Web Tokens or have a label, Prisma, Xata, Convex.
    key("sbp_", &[Run(LOWER, 32)]),
    key("sb_secret_", &[Run(URL, 20)]),
    key("pscale_tkn_", &[Run(DOTTED, 32)]),
    key("pscale_pw_", &[Run(DOTTED, 32)]),
    key("pscale_oauth_", &[Run(DOTTED, 32)]),
    random("napi_", &[Run(LOWER, 40)]),
    random("npg_", &[Run(ALNUM, 12)]),
    random("xau_", &[Run(ALNUM, 24)]),
    // Vercel's newer tokens, Netlify (TruffleHog `netlify`), Fly.io (gitleaks `flyio-access-token`), Render, Railway,
    // Heroku (gitleaks `heroku-api-key-v2`), Scalingo (gitleaks `scalingo-api-token`), Pulumi (gitleaks `pulumi-api-token`).
    random("vcp_", &[Run(ALNUM, 24)]),
    random("vca_", &[Run(ALNUM, 24)]),
    random("vci_", &[Run(ALNUM, 24)]),
    random("vcr_", &[Run(ALNUM, 24)]),
    random("vck_", &[Run(ALNUM, 24)]),
    random("vercel_blob_rw_", &[Run(WORD, 24)]),
    key("nfp_", &[Run(WORD, 32)]),
    key("fo1_", &[Run(URL, 40)]),
    key("fm1a_", &[Run(BASE64, 60)]),
    key("fm1r_", &[Run(BASE64, 60)]),
    key("fm2_", &[Run(BASE64, 60)]),
    random("rnd_", &[Run(ALNUM, 24)]),
    key("HRKU-", &[Run(URL, 32)]),
    key("tk-us-", &[Run(URL, 40)]),
    key("pul-", &[Run(HEX, 40)]),
    // OpenShift (gitleaks `openshift-user-token`), Kubernetes' bootstrap tokens have a label.
    key("sha256~", &[Run(URL, 40)]),
    // Aiven (GitHub `aiven_*`), Elastic, Confluent, Tailscale
    // (GitHub `tailscale_*`), ngrok's have a label.
    key("AVNS_", &[Run(URL, 15)]),
    random("essu_", &[Run(BASE64, 40)]),
    random("cflt", &[Run(BASE64, 56)]),
    key("tskey-", &[Run(LOWER, 3), Text("-"), Run(URL, 12)]),
    // Microsoft Entra's client secrets: three letters and a digit, this mark, and 31 more (gitleaks `azure-ad-client-secret`).
    // The storage of Azure signs its addresses, which a label tells.
    random("Q~", &[Run(Set::new(b"azAZ09", b"_~.-"), 31)]).anywhere(),
    // Addresses that accept messages from whoever has them: Azure Logic Apps' have a signature, which a label tells.
    address(
        "webhook.office.com/webhookb2/",
        &[Run(Set::new(b"azAZ09", b"-_/@"), 32)],
    ),
    address("outlook.office.com/webhook/", &[Run(Set::new(b"azAZ09", b"-_/@"), 32)]),
    // Snowflake's programmatic tokens are JSON Web Tokens. Artifactory (gitleaks `artifactory-*`).
    key("AKCp", &[Run(ALNUM, 60)]),
    key("cmVmd", &[Run(ALNUM, 55)]),
    // PubNub, LaunchDarkly, as their documentation shows them.
    random("sec-c-", &[Run(ALNUM, 40)]),
    random("sdk-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    address("hooks.slack.com/services/", &[Run(PATH, 24)]),
    address("hooks.slack.com/workflows/", &[Run(PATH, 24)]),
    address("hooks.slack.com/triggers/", &[Run(PATH, 24)]),
    address("discord.com/api/webhooks/", &[Run(DIGITS, 15), Text("/"), Run(URL, 40)]),
    address(
        "discordapp.com/api/webhooks/",
        &[Run(DIGITS, 15), Text("/"), Run(URL, 40)],
    ),
    address("hooks.zapier.com/hooks/catch/", &[Run(PATH, 12)]),
    address("maker.ifttt.com/use/", &[Run(URL, 20)]),
];
