//! Keys of chats, payments, mail, shops and monitoring.

use super::Piece::{Run, Text};
use super::{BASE64, DIGITS, DOTTED, HEX, Kind, LOWER, UPPER, URL, WORD, address, key, random};
use crate::redaction::builtin::window::{ALNUM, Set};

pub(super) const KINDS: &[Kind] = &[
    // Slack: bot, user, legacy, refresh and configuration tokens, those of apps (gitleaks `slack-*`), and cookies.
    key("xoxa-", &[Run(URL, 10)]),
    key("xoxb-", &[Run(URL, 10)]),
    key("xoxc-", &[Run(URL, 10)]),
    key("xoxd-", &[Run(Set::new(b"azAZ09", b"-_%+/="), 10)]),
    key("xoxe-", &[Run(URL, 10)]),
    key("xoxe.xox", &[Run(URL, 20)]),
    key("xoxo-", &[Run(URL, 10)]),
    key("xoxp-", &[Run(URL, 10)]),
    key("xoxr-", &[Run(URL, 10)]),
    key("xoxs-", &[Run(URL, 10)]),
    key("xapp-", &[Run(URL, 32)]),
    key("xwfp-", &[Run(URL, 32)]),
    // Telegram: the bot's number and 35 (TruffleHog `telegrambottoken`), also within the address of its API.
    address("api.telegram.org/bot", &[Run(DIGITS, 6), Text(":"), Run(URL, 30)]),
    // Discord's tokens for programs of many accounts; bots' have no beginning and are found by their form.
    key("mfa.", &[Run(URL, 60)]),
    // Stripe: secret and restricted keys (gitleaks `stripe-access-token`) and secrets of webhooks, which Svix has too.
    key("sk_live_", &[Run(ALNUM, 10)]),
    key("sk_test_", &[Run(ALNUM, 10)]),
    key("sk_prod_", &[Run(ALNUM, 10)]),
    key("sk_org_", &[Run(WORD, 20)]),
    key("rk_live_", &[Run(ALNUM, 10)]),
    key("rk_test_", &[Run(ALNUM, 10)]),
    key("rk_prod_", &[Run(ALNUM, 10)]),
    key("whsec_", &[Run(BASE64, 24)]),
    // ElevenLabs', Clerk's and others' secret keys of this form.
    random("sk_", &[Run(ALNUM, 32)]),
    random("ak_", &[Run(ALNUM, 32)]),
    // Square (gitleaks `square-access-token`, TruffleHog `squareapp`), Shopify (gitleaks `shopify-*`), Plaid (gitleaks
    // `plaid-api-token`), Flutterwave (gitleaks `flutterwave-*`), EasyPost (gitleaks `easypost-*`), Duffel (gitleaks
    // `duffel-api-token`), Shippo (gitleaks `shippo-api-token`), PayPal's (GitHub `paypal_*`), Razorpay, Adyen, Lob.
    random("EAAA", &[Run(URL, 40)]),
    key("sq0atp-", &[Run(URL, 20)]),
    key("sq0csp-", &[Run(URL, 32)]),
    key("shpat_", &[Run(HEX, 32)]),
    key("shpca_", &[Run(HEX, 32)]),
    key("shppa_", &[Run(HEX, 32)]),
    key("shpss_", &[Run(HEX, 32)]),
    key("shptka_", &[Run(HEX, 32)]),
    key("shprt_", &[Run(HEX, 32)]),
    key("access-sandbox-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    key("access-development-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    key("access-production-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    key("FLWSECK_TEST-", &[Run(ALNUM, 12)]),
    key("FLWSECK-", &[Run(ALNUM, 12)]),
    key("EZAK", &[Run(ALNUM, 50)]),
    key("EZTK", &[Run(ALNUM, 50)]),
    key("duffel_test_", &[Run(DOTTED, 40)]),
    key("duffel_live_", &[Run(DOTTED, 40)]),
    key("shippo_live_", &[Run(HEX, 40)]),
    key("shippo_test_", &[Run(HEX, 40)]),
    key("access_token$production$", &[Run(LOWER, 16), Text("$"), Run(HEX, 32)]),
    key("access_token$sandbox$", &[Run(LOWER, 16), Text("$"), Run(HEX, 32)]),
    random("rzp_live_", &[Run(ALNUM, 14)]),
    random("AQE", &[Run(ALNUM, 7), Text("."), Run(BASE64, 40)]),
    // Mail and messages: SendGrid (gitleaks `sendgrid-api-token`), Brevo (gitleaks `sendinblue-api-token`), Resend, Postmark's
    // and SparkPost's have a label, Mailgun (gitleaks `mailgun-*`), Twilio (gitleaks `twilio-api-key`), Intercom, HubSpot
    // (GitHub `hubspot_*`), Klaviyo, Customer.io's have a label.
    key("SG.", &[Run(URL, 16), Text("."), Run(URL, 32)]),
    key("xkeysib-", &[Run(HEX, 40), Text("-"), Run(ALNUM, 12)]),
    key("xsmtpsib-", &[Run(HEX, 40), Text("-"), Run(ALNUM, 12)]),
    random("re_", &[Run(ALNUM, 8), Text("_"), Run(ALNUM, 20)]),
    key("key-", &[Run(HEX, 32)]).if_random(),
    key("SK", &[Run(HEX, 32)]).if_random(),
    key("pat-na1-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    key("pat-eu1-", &[Run(HEX, 8), Text("-"), Run(URL, 20)]),
    // Monitoring: Grafana (gitleaks `grafana-*`), Sentry (gitleaks `sentry-*`), New Relic (gitleaks `new-relic-*`,
    // TruffleHog `newrelic*`), Datadog's newer ones, Dynatrace (gitleaks `dynatrace-api-token`), Honeycomb, PostHog (GitHub
    // `posthog_*`), LogDNA's have a label, PagerDuty's too, Axiom, Better Stack's have a label.
    key("glsa_", &[Run(WORD, 32)]),
    key("glc_", &[Run(BASE64, 32)]),
    key("eyJrIjoi", &[Run(BASE64, 60)]),
    key("sntrys_", &[Run(Set::new(b"azAZ09", b"+/=_"), 40)]),
    key("sntryu_", &[Run(HEX, 40)]),
    key("sntrya_", &[Run(HEX, 40)]),
    key("sntryi_", &[Run(HEX, 40)]),
    key("NRAK-", &[Run(UPPER, 24)]),
    key("NRII-", &[Run(URL, 24)]),
    key("NRIQ-", &[Run(URL, 24)]),
    key("NRJS-", &[Run(HEX, 19)]),
    key("NRBR-", &[Run(HEX, 19)]),
    key("ddapp_", &[Run(ALNUM, 32)]),
    key("ddpat_", &[Run(WORD, 32)]),
    key("dt0c01.", &[Run(UPPER, 24), Text("."), Run(UPPER, 40)]),
    key("dt0s01.", &[Run(UPPER, 8), Text("."), Run(UPPER, 40)]),
    key("dt0s16.", &[Run(UPPER, 8), Text("."), Run(UPPER, 40)]),
    random("hcaik_", &[Run(ALNUM, 32)]),
    key("phx_", &[Run(ALNUM, 32)]),
    random("xaat-", &[Run(URL, 32)]),
    // Maps and media: Mapbox' secret tokens (gitleaks `mapbox-api-token` has the public ones), Facebook (gitleaks
    // `facebook-*`), Instagram, Dropbox (gitleaks `dropbox-*`), Twitch's and Twitter's have a label, Unsplash' too.
    // Firebase's server keys, whose first part names the sender.
    key("APA91b", &[Run(URL, 100)]),
    key("sk.eyJ", &[Run(DOTTED, 40)]),
    key("EAAM", &[Run(ALNUM, 80)]),
    key("EAAC", &[Run(ALNUM, 80)]),
    random("EAA", &[Run(ALNUM, 80)]),
    random("IGQV", &[Run(URL, 80)]),
    key("sl.", &[Run(URL, 100)]),
    key("sl.u.", &[Run(URL, 100)]),
    // SettleMint (gitleaks `settlemint-*`), Intra 42 (gitleaks `intra42-client-secret`), Defined Networking (gitleaks
    // `defined-networking-api-token`), GoCardless (gitleaks `gocardless-api-token`), Rootly, Samsara, Checkout.com.
    key("sm_aat_", &[Run(ALNUM, 16)]),
    key("sm_pat_", &[Run(ALNUM, 16)]),
    key("sm_sat_", &[Run(ALNUM, 16)]),
    key("s-s4t2ud-", &[Run(HEX, 40)]),
    key("s-s4t2af-", &[Run(HEX, 40)]),
    key("dnkey-", &[Run(DOTTED, 40)]),
    random("live_", &[Run(DOTTED, 40)]),
    random("rootly_", &[Run(HEX, 40)]),
    random("samsara_api_", &[Run(ALNUM, 24)]),
];
