//! Keys of services that host, build, publish and test code, and token formats that many services use.

use super::Piece::{Run, Text};
use super::{BASE64, DOTTED, HEX, Kind, LOWER, UPPER, URL, WORD, key, random};
use crate::redaction::builtin::window::{ALNUM, Set};

pub(super) const KINDS: &[Kind] = &[
    // JSON Web Tokens (RFC 7519): a header and a body, which are objects and so begin with `{"`, also without a signature;
    // encrypted ones (RFC 7516), whose second part is no object.
    key("eyJ", &[Run(URL, 14), Text(".eyJ"), Run(DOTTED, 10)]),
    key(
        "eyJ",
        &[Run(URL, 14), Text("."), Run(URL, 10), Text("."), Run(DOTTED, 10)],
    ),
    key(
        "eyJ",
        &[Run(URL, 14), Text(".."), Run(URL, 10), Text("."), Run(DOTTED, 10)],
    ),
    // GitHub: 36, and 82 of fine-grained ones (gitleaks `github-*`).
    key("ghp_", &[Run(ALNUM, 36)]),
    key("gho_", &[Run(ALNUM, 36)]),
    key("ghu_", &[Run(ALNUM, 36)]),
    key("ghs_", &[Run(ALNUM, 36)]),
    key("ghr_", &[Run(ALNUM, 36)]),
    key("github_pat_", &[Run(WORD, 36)]),
    // GitLab: 20, or more with dots (gitleaks `gitlab-*`).
    key("glpat-", &[Run(DOTTED, 20)]),
    key("gldt-", &[Run(URL, 20)]),
    key("glrt-", &[Run(DOTTED, 20)]),
    key("glrtr-", &[Run(DOTTED, 20)]),
    key("glcbt-", &[Run(URL, 20)]),
    key("glptt-", &[Run(URL, 20)]),
    key("glft-", &[Run(URL, 20)]),
    key("glimt-", &[Run(URL, 20)]),
    key("glagent-", &[Run(URL, 20)]),
    key("gloas-", &[Run(URL, 20)]),
    key("glsoat-", &[Run(URL, 20)]),
    key("glffct-", &[Run(URL, 20)]),
    key("glwt-", &[Run(URL, 20)]),
    key("GR1348941", &[Run(URL, 20)]),
    // Bitbucket and Atlassian (GitHub `atlassian_*`).
    key("ATATT3", &[Run(DOTTED, 32)]),
    key("ATCTT3", &[Run(DOTTED, 32)]),
    key("ATBB", &[Run(ALNUM, 24)]),
    key("BBDC-", &[Run(BASE64, 32)]),
    // npm (gitleaks `npm-access-token`), PyPI (gitleaks `pypi-upload-token`), RubyGems (gitleaks `rubygems-api-token`), Docker
    // Hub (TruffleHog `dockerhub`), crates.io (GitHub `crates_io_api_token`), NuGet, Clojars (gitleaks `clojars-api-token`),
    // Hex, JFrog's are in the table of clouds.
    key("npm_", &[Run(ALNUM, 36)]),
    key("pypi-", &[Run(URL, 60)]),
    key("rubygems_", &[Run(HEX, 40)]),
    key("dckr_pat_", &[Run(URL, 20)]),
    key("dckr_oat_", &[Run(URL, 20)]),
    key("cio", &[Run(ALNUM, 32)]).if_random(),
    random("oy2", &[Run(LOWER, 43)]),
    key("CLOJARS_", &[Run(LOWER, 50)]),
    // Builds and quality: CircleCI (GitHub `circleci_*`), Buildkite, Travis' and Codecov's have a label, Sonar (gitleaks
    // `sonar-api-token`), Sourcegraph (gitleaks `sourcegraph-access-token`), Octopus (gitleaks `octopus-deploy-api-key`),
    // Harness (gitleaks `harness-api-key`), Prefect (gitleaks `prefect-api-token`), Infracost (gitleaks
    // `infracost-api-token`), Expo, Snyk's newer ones.
    key("CCIPAT_", &[Run(WORD, 32)]),
    key("CCIPRJ_", &[Run(WORD, 32)]),
    key("bkua_", &[Run(ALNUM, 32)]),
    key("bkaj_", &[Run(DOTTED, 32)]),
    key("squ_", &[Run(HEX, 32)]),
    key("sqp_", &[Run(HEX, 32)]),
    key("sqa_", &[Run(HEX, 32)]),
    key("sgp_", &[Run(WORD, 40)]),
    random("API-", &[Run(UPPER, 26)]),
    random(
        "pat.",
        &[Run(URL, 22), Text("."), Run(ALNUM, 24), Text("."), Run(ALNUM, 20)],
    ),
    random(
        "sat.",
        &[Run(URL, 22), Text("."), Run(ALNUM, 24), Text("."), Run(ALNUM, 20)],
    ),
    key("pnu_", &[Run(ALNUM, 32)]),
    key("ico-", &[Run(ALNUM, 32)]),
    random("expo_", &[Run(URL, 32)]),
    // Postman (gitleaks `postman-api-token`), ReadMe (gitleaks `readme-api-token`), Stack Overflow's have a label, Figma
    // (TruffleHog `figmapersonalaccesstoken`), Linear (gitleaks `linear-api-key`, GitHub `linear_oauth_access_token`), Notion
    // (gitleaks `notion-api-token`, TruffleHog `notion`), Asana, ClickUp, Airtable (gitleaks `airtable-*`), Typeform
    // (gitleaks `typeform-api-token`), Contentful (GitHub `contentful_personal_access_token`), Frame.io (gitleaks
    // `frameio-api-token`), Adobe (gitleaks `adobe-client-secret`).
    key("PMAK-", &[Run(URL, 40)]),
    key("rdme_", &[Run(LOWER, 50)]),
    key("figd_", &[Run(URL, 32)]),
    key("figu_", &[Run(URL, 32)]),
    key("figo_", &[Run(URL, 32)]),
    key("figp_", &[Run(URL, 32)]),
    key("figur_", &[Run(URL, 32)]),
    key("figuh_", &[Run(URL, 32)]),
    key("figor_", &[Run(URL, 32)]),
    key("figoh_", &[Run(URL, 32)]),
    key("lin_api_", &[Run(ALNUM, 32)]),
    key("lin_oauth_", &[Run(ALNUM, 32)]),
    key("lin_wh_", &[Run(ALNUM, 24)]),
    key("ntn_", &[Run(ALNUM, 32)]),
    random("secret_", &[Run(ALNUM, 32)]),
    key("pat", &[Run(ALNUM, 14), Text("."), Run(HEX, 50)]),
    key("tfp_", &[Run(DOTTED, 40)]),
    key("CFPAT-", &[Run(URL, 32)]),
    key("fio-u-", &[Run(DOTTED, 40)]),
    key("p8e-", &[Run(LOWER, 32)]),
    random("pk_", &[Run(Set::new(b"09", b""), 6), Text("_"), Run(UPPER, 24)]),
    random("ATOA", &[Run(DOTTED, 40)]),
];
