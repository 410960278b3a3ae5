/** What `npm run test:memory` takes for a finding of ours. */
import { expect, test } from 'vitest';
import { isOurs, leakSanitizerFindings, valgrindFindings } from '../scripts/memory/findings.mjs';

const leakReport = `
==7==Processing thread 7.
=================================================================
==7==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 24 byte(s) in 1 object(s) allocated from:
    #0 __interceptor_malloc lsan_interceptors.cpp:75 (/lib/liblsan.so.0)
    #1 CRYPTO_malloc <null> (/usr/bin/node)

Indirect leak of 8 byte(s) in 2 object(s) allocated from:
    #0 operator new(unsigned long) lsan_interceptors.cpp:248 (/lib/liblsan.so.0)
    #1 napi_create_reference <null> (/usr/bin/node)
    #2 open crates/car-inference-node/src/calls.rs:40 (/package/native/car-inference.linux-x64-gnu.node)

Direct leak of 392 byte(s) in 1 object(s) allocated from:
    #0 operator new(unsigned long) lsan_interceptors.cpp:248 (/lib/liblsan.so.0)
    #1 napi_create_threadsafe_function <null> (/usr/bin/node)
    #2 napi_register_module_v1 <null> (/package/native/car-inference.linux-x64-gnu.node)
    #3 napi_module_register_by_symbol(v8::Local<v8::Object>, int) <null> (/usr/bin/node)

SUMMARY: LeakSanitizer: 32 byte(s) leaked in 3 allocation(s).
`;

const frame = (fn: string, obj: string) => `<frame><ip>0x1</ip><obj>${obj}</obj><fn>${fn}</fn></frame>`;
const valgrindReport = `<valgrindoutput>
<error><unique>0x0</unique><kind>InvalidRead</kind><what>Invalid read of size 1</what>
  <stack>${frame('v8::internal::Read&lt;int&gt;', '/usr/bin/node')}</stack></error>
<error><unique>0x1</unique><kind>Leak_DefinitelyLost</kind>
  <xwhat><text>16 bytes in 1 blocks are definitely lost</text><leakedbytes>16</leakedbytes></xwhat>
  <stack>${frame('malloc', '/usr/lib/vgpreload.so')}${frame('alloc', '/package/native/car-inference.linux-x64-gnu.node')}</stack>
</error></valgrindoutput>`;

test('a leak is ours when the addon is on its stack, whoever allocated', () => {
  const findings = leakSanitizerFindings(leakReport);
  expect(findings.map(({ what }) => what)).toEqual([
    'Direct leak of 24 byte(s) in 1 object(s) allocated from:',
    'Indirect leak of 8 byte(s) in 2 object(s) allocated from:',
    'Direct leak of 392 byte(s) in 1 object(s) allocated from:',
  ]);
  expect(findings.map(isOurs), 'the last is a known exception').toEqual([false, true, false]);
});

test("valgrind's errors are read with their kind and their frames", () => {
  const findings = valgrindFindings(valgrindReport);
  expect(findings.map(({ what }) => what)).toEqual([
    'InvalidRead: Invalid read of size 1',
    'Leak_DefinitelyLost: 16 bytes in 1 blocks are definitely lost',
  ]);
  expect(findings[0]?.stack).toContain('v8::internal::Read<int>');
  expect(findings.map(isOurs)).toEqual([false, true]);
});
