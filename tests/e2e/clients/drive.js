// A VM's life by grpc-js, which shares no code with our own client.
//
//   node drive.js TARGET VM [CA CERT KEY]     TARGET: unix:PATH, or HOST:PORT with the files
//
// Exit code 0 when all of it went as it should; prints what it did.
'use strict';
const assert = require('node:assert');
const fs = require('node:fs');
const path = require('node:path');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const [target, vm, ca, cert, key] = process.argv.slice(2);
const credentials = ca
  ? grpc.credentials.createSsl(...[ca, key, cert].map((file) => fs.readFileSync(file)))
  : grpc.credentials.createInsecure();

const load = (file) =>
  grpc.loadPackageDefinition(
    loader.loadSync(file, {
      keepCase: true,
      longs: String,
      enums: String,
      oneofs: true,
      includeDirs: [path.join(__dirname, '../../../proto'), '/usr/share/grpc-proto'],
    }),
  );
const api = load('banger/vm/v1/vm_service.proto').banger.vm.v1;
const health = load('grpc/health/v1/health.proto').grpc.health.v1;
const vms = new api.VmService(target, credentials);

const unary = (client, method, request) =>
  new Promise((resolve, reject) =>
    client[method](request, (error, response) => (error ? reject(error) : resolve(response))),
  );
// All messages of a server's stream.
const collect = async (call) => {
  const messages = [];
  for await (const message of call) messages.push(message);
  return messages;
};

async function create() {
  const events = await collect(vms.CreateVm({ vm_id: vm, image: 'images/mini' }));
  assert.ok(events.length > 1, 'no progress was told');
  const made = events.at(-1).vm;
  assert.strictEqual(made.name, `vms/${vm}`);
  assert.strictEqual(made.state, 'STATE_RUNNING');
  const listed = await unary(vms, 'ListVms', {});
  assert.ok(listed.vms.some((one) => one.uid === made.uid));
}

// Its stdin comes back as stdout, and its exit code.
async function exec() {
  const input = Buffer.alloc(1 << 20, 'banger');
  const call = vms.ExecVm();
  const outputs = collect(call);
  call.write({ name: `vms/${vm}`, input: { command: { argv: ['sh', '-c', 'cat; exit 7'], stdin: true } } });
  for (let at = 0; at < input.length; at += 65536)
    call.write({ input: { stdin: input.subarray(at, at + 65536) } });
  call.write({ input: { stdin_closed: true } });
  call.end();
  const kinds = (await outputs).map((message) => message.output);
  const out = Buffer.concat(kinds.filter((one) => one.kind === 'stdout').map((one) => one.stdout));
  assert.ok(out.equals(input), `${out.length} bytes came back`);
  assert.strictEqual(kinds.at(-1).exited.exit_code, 7);
}

// An error has a code and a reason.
async function remove() {
  await unary(vms, 'DeleteVm', { name: `vms/${vm}`, force: true });
  const error = await unary(vms, 'GetVm', { name: `vms/${vm}` }).then(assert.fail, (reason) => reason);
  assert.strictEqual(error.code, grpc.status.NOT_FOUND);
  assert.match(error.metadata.get('grpc-status-details-bin').toString('latin1'), /VM_NOT_FOUND/);
}

(async () => {
  const status = await unary(new health.Health(target, credentials), 'Check', {});
  assert.strictEqual(status.status, 'SERVING');
  for (const step of [create, exec, remove]) {
    await step();
    console.log(step.name);
  }
})().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
