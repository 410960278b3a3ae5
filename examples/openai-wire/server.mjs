// A local server that speaks OpenAI's Chat Completions streaming wire, from the recordings beside it. It knows nothing
// of car-inference: to the SDK it is the service.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';

// A model writes at about this pace; without it the whole answer would arrive at once.
const chunk_delay_ms = 15;
const request_bytes_max = 1_000_000;

export const keyOverItsLimit = 'sk-demo-key-over-its-limit';

const recording = (name) => readFileSync(new URL(`recordings/${name}`, import.meta.url), 'utf8');
const answer = recording('answer.sse');
const longAnswer = recording('long-answer.sse');
const toolCall = recording('tool-call.sse');
const rateLimited = JSON.parse(recording('rate-limited.json'));

function recordingFor({ tools, messages }) {
  if (tools?.length > 0) return toolCall;
  return JSON.stringify(messages).includes('to one hundred') ? longAnswer : answer;
}

async function bodyOf(request) {
  const parts = [];
  let size = 0;
  for await (const part of request.setEncoding('utf8')) {
    size += part.length;
    if (size > request_bytes_max) throw new Error('request body too large');
    parts.push(part);
  }
  return JSON.parse(parts.join(''));
}

function refuse(response, { status, headers, body }) {
  response.writeHead(status, headers).end(JSON.stringify(body));
}

/** Sends the recording event by event until it is through or the client hangs up; tells how much went out. */
async function replay(response, text) {
  const events = text.split('\n\n').filter(Boolean);
  let sent = 0;
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8', 'cache-control': 'no-cache' });
  for (const event of events) {
    if (response.destroyed) break;
    response.write(`${event}\n\n`);
    sent += 1;
    await delay(chunk_delay_ms);
  }
  response.end();
  return { sent, of: events.length };
}

/**
 * Starts the server on a free loopback port.
 * `lastReplay()` resolves to how much of its answer the latest streamed request got: `{ sent, of }`.
 */
export async function startOpenAiWire() {
  let lastReplay = Promise.resolve(undefined);
  const server = createServer(async (request, response) => {
    // A client that hangs up in mid-answer is what the cancellation looks like from here, no failure.
    response.on('error', () => {});
    try {
      if (request.method !== 'POST' || request.url !== '/v1/chat/completions') {
        return refuse(response, { status: 404, headers: {}, body: { error: { message: 'no such path' } } });
      }
      if (request.headers.authorization === `Bearer ${keyOverItsLimit}`) return refuse(response, rateLimited);
      const body = await bodyOf(request);
      lastReplay = replay(response, recordingFor(body));
    } catch (error) {
      if (response.headersSent) return response.destroy();
      refuse(response, { status: 400, headers: {}, body: { error: { message: error.message } } });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    baseURL: `http://127.0.0.1:${server.address().port}/v1`,
    lastReplay: () => lastReplay,
    async close() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}
