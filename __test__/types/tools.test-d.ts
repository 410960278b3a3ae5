/** What may be given as a request's tools: values that may be absent, and interfaces that hosts have already. */
import { type FunctionTool, type GenerateRequest, InferenceEngine, type ProviderTool, type Tool } from '../../index';
import { type Equal, expectType } from './equal';

expectType<Equal<GenerateRequest['tools'], Tool[] | undefined>>();

declare const engine: InferenceEngine;
declare const maybe: <T>() => T | undefined;
const prompt = 'hi';

engine.generate({
  prompt,
  tools: [
    { name: 'f', description: maybe<string>(), parameters: maybe<{ type: 'object' }>(), strict: maybe<boolean>() },
    { type: 'function', name: 'f', providerOptions: { anthropic: { cacheControl: { type: 'ephemeral' } } } },
    { type: undefined, name: 'f', description: null, parameters: null, strict: null },
    { type: 'function', function: { name: 'f', description: undefined, parameters: {}, strict: true } },
    { function: { name: 'f' }, providerOptions: {} },
    { type: 'web_search', max: 3, filters: { domains: ['a'] } },
    { type: 'computer_20250124', name: 'computer', display_width_px: 1024 },
  ],
});

// Interfaces have no index signature.
interface JsonSchema {
  type: 'object';
  properties: Record<string, { type: string }>;
  required?: string[];
}
interface OwnTool {
  name: string;
  description?: string;
  parameters?: JsonSchema;
}
interface ChatCompletionTool {
  type: 'function';
  function: { name: string; description?: string; parameters?: { [key: string]: unknown }; strict?: boolean | null };
}
interface WebSearchTool {
  type: 'web_search';
  search_context_size?: 'low' | 'high';
}
declare const own: OwnTool[];
declare const mixed: Array<ChatCompletionTool | WebSearchTool | OwnTool>;
engine.generate({ prompt, tools: own });
engine.generate({ prompt, tools: mixed });
engine.generate({ prompt, tools: maybe<Tool[]>() });

const tool: FunctionTool = { name: 'f', parameters: { type: 'object' } satisfies Partial<JsonSchema> };
const search: ProviderTool = { type: 'web_search', max: 3 };
engine.generate({ prompt, tools: [tool, search] });

// @ts-expect-error a misspelt field
const misspelt: FunctionTool = { name: 'f', parametrs: {} };
engine.generate({ prompt, tools: [misspelt] });
// @ts-expect-error a name is text
engine.generate({ prompt, tools: [{ name: 5 }] });
// @ts-expect-error a tool has a name or a type
engine.generate({ prompt, tools: [{ description: 'd' }] });
// @ts-expect-error a tool is an object
engine.generate({ prompt, tools: ['f'] });
// @ts-expect-error parameters are a JSON Schema
engine.generate({ prompt, tools: [{ name: 'f', parameters: 'object' }] });

// What a runner reads.
new InferenceEngine({
  async runner({ tools = [] }) {
    const names = tools.map((tool) => ('function' in tool ? tool.function : 'name' in tool ? tool.name : tool.type));
    return { text: `${names.length}` };
  },
});
