//! Keys of model providers, of gateways to them, and of related services.

use super::Piece::{Run, Text};
use super::{BASE64, DOTTED, HEX, Kind, LOWER, URL, WORD, key, no_name, random};
use crate::redaction::builtin::window::ALNUM;

pub(super) const KINDS: &[Kind] = &[
    // Anthropic: `sk-ant-api03-`, `sk-ant-admin01-` and 95 more (gitleaks `anthropic-*`); its OAuth tokens, `sk-ant-oat01-`,
    // `sk-ant-ort01-` and session keys, `sk-ant-sid01-`, as public code shows them.
    key("sk-ant-", &[Run(URL, 20)]),
    // OpenAI: project, service account and admin keys (gitleaks `openai-api-key`), 124 to 156 after the beginning; and
    // `sk-None-` and `sk-service-`, as TruffleHog and public code show them.
    key("sk-proj-", &[Run(URL, 20)]),
    key("sk-svcacct-", &[Run(URL, 20)]),
    key("sk-service-", &[Run(URL, 20)]),
    key("sk-admin-", &[Run(URL, 20)]),
    key("sk-None-", &[Run(URL, 20)]),
    // OpenRouter: 64 hexadecimal digits (TruffleHog `openrouter`).
    key("sk-or-v1-", &[Run(ALNUM, 20)]),
    key("sk-or-", &[Run(ALNUM, 20)]),
    // Langfuse: a UUID (TruffleHog `langfuse`). Its public key is half of a password.
    key("sk-lf-", &[Run(HEX, 8), Text("-"), Run(URL, 12)]),
    key("pk-lf-", &[Run(HEX, 8), Text("-"), Run(URL, 12)]),
    // LiteLLM's virtual keys, 22 of base64 in addresses, as its documentation shows them; Moonshot's, Alibaba's and others'.
    random("sk-", &[Run(URL, 16)]),
    // OpenAI's older keys, 48 (gitleaks `openai-api-key`); those of others that took over the beginning, such as
    // DeepSeek's, 32 (TruffleHog `deepseek`).
    key("sk-", &[Run(ALNUM, 20)]),
    // OpenAI's ephemeral keys of a realtime session, as its documentation shows them.
    random("ek_", &[Run(WORD, 24)]),
    // Google: API keys, 35 (gitleaks `gcp-api-key`), the newer ones of AI Studio and Vertex, as its documentation shows
    // them, OAuth client secrets, access and refresh tokens (GitHub `google_*`).
    key("AIza", &[Run(URL, 35)]),
    key("AQ.", &[Run(URL, 32)]),
    key("GOCSPX-", &[Run(URL, 20)]),
    key("ya29.", &[Run(DOTTED, 20)]),
    random("1//0", &[Run(URL, 30)]),
    // Groq: 52 (TruffleHog `groq`).
    key("gsk_", &[Run(ALNUM, 32)]),
    // xAI: 80 (TruffleHog `xai`).
    key("xai-", &[Run(WORD, 32)]),
    // Hugging Face: 34 letters, of users and of organisations (gitleaks `huggingface-*`).
    no_name("hf_", &[Run(ALNUM, 30)]),
    no_name("api_org_", &[Run(ALNUM, 30)]),
    // Fireworks: 24, as its documentation shows them; the keys of its accounts are longer.
    key("fw_", &[Run(ALNUM, 20)]),
    // Together: 43, as its documentation shows them.
    key("tgp_v1_", &[Run(URL, 32)]),
    // Replicate: 37 (TruffleHog `replicate`).
    key("r8_", &[Run(URL, 30)]),
    // Perplexity: 48 (gitleaks `perplexity-api-key`).
    key("pplx-", &[Run(ALNUM, 32)]),
    // NVIDIA: 64 (TruffleHog `nvapi`).
    key("nvapi-", &[Run(URL, 32)]),
    // Cerebras, Voyage, Jina, Tavily, Firecrawl, E2B, LlamaCloud, RunPod, Meshy, Chutes, as their documentation shows them.
    random("csk-", &[Run(ALNUM, 32)]),
    random("pa-", &[Run(URL, 32)]),
    random("jina_", &[Run(URL, 32)]),
    random("tvly-", &[Run(URL, 20)]),
    random("fc-", &[Run(HEX, 32)]),
    random("e2b_", &[Run(HEX, 32)]),
    random("llx-", &[Run(URL, 32)]),
    random("rpa_", &[Run(ALNUM, 32)]),
    random("msy_", &[Run(ALNUM, 32)]),
    random("cpk_", &[Run(DOTTED, 32)]),
    // ElevenLabs: 48 hexadecimal digits (TruffleHog `elevenlabs`).
    key("sk_", &[Run(HEX, 40)]),
    // Pinecone (TruffleHog `pinecone`).
    key("pcsk_", &[Run(WORD, 32)]),
    // LangSmith: personal and service keys (TruffleHog `langsmith`), and the older ones.
    key("lsv2_", &[Run(LOWER, 2), Text("_"), Run(HEX, 24)]),
    random("ls__", &[Run(LOWER, 24)]),
    // Databricks (gitleaks `databricks-api-token`).
    key("dapi", &[Run(HEX, 32)]),
    // Weights & Biases' newer keys, Comet's and Helicone's, as their documentation shows them.
    random("wandb_v1_", &[Run(WORD, 32)]),
    random("sk-helicone-", &[Run(URL, 16)]),
    random("pk-helicone-", &[Run(URL, 16)]),
    // Baidu, as its documentation shows them.
    random("bce-v3/ALTAK-", &[Run(BASE64, 20)]),
];
