// The page: VMs as they change, what they use, and what is done with them.
import { CallError, ask, call, client, list, logIn, logOut, role } from "./calls.js";
import { $, button, bytes, cell, element, fill, fillWith, idOf, imageRow, kernelRow, number } from "./tables.js";
import { openTerminal } from "./terminal.js";

const VM = "banger.vm.v1.VmService/";
const UP = ["STATE_STARTING", "STATE_RUNNING", "STATE_STOPPING", "STATE_PAUSED"];

const vms = new Map(); // by uid
const stats = new Map(); // by uid
const busy = new Map(); // by uid: what is being done
let watching = null; // an AbortController while the page is seen

const pause = (milliseconds) => new Promise((resume) => setTimeout(resume, milliseconds));

function showLogin(problem = "") {
  watching?.abort();
  watching = null;
  $("login").hidden = false;
  $("console").hidden = true;
  $("logout").hidden = true;
  $("who").textContent = "";
  $("login-problem").textContent = problem;
  $("login-problem").hidden = problem === "";
  notice("");
}

// `from` is who may take it back.
function notice(text, from = "") {
  $("notice").textContent = text;
  $("notice").dataset.from = from;
  $("notice").hidden = text === "";
}

function complain(error, from = "") {
  if (error.name === "AbortError") return;
  if (error instanceof CallError && error.code === "UNAUTHENTICATED") {
    showLogin("You are not logged in, or no longer.");
    return;
  }
  notice(error.message, from);
}

function recovered(from) {
  if ($("notice").dataset.from === from) notice("");
}

// One question at a time. Not by the dialog's "close", which may come so late that it is
// taken for the next one's.
let answer = () => {};
function settle(yes) {
  $("confirm").close();
  answer(yes);
}
function confirmed(title, text) {
  $("confirm-title").textContent = title;
  $("confirm-text").textContent = text;
  $("confirm").showModal();
  $("confirm-no").focus();
  return new Promise((resolve) => (answer = resolve));
}

// Progress and errors of one VM's call stand in its row.
async function act(vm, what, method, request) {
  if (busy.has(vm.uid)) return;
  notice("");
  busy.set(vm.uid, what);
  showVms();
  try {
    for await (const message of call(VM + method, request))
      if (message.progress?.stage) {
        busy.set(vm.uid, message.progress.stage);
        showVms();
      }
  } catch (error) {
    complain(error);
  } finally {
    busy.delete(vm.uid);
    showVms();
  }
}

async function remove(vm) {
  const running = UP.includes(vm.state) ? "It is running. " : "";
  if (await confirmed(`Delete VM ${idOf(vm.name)}?`, `${running}Its disks and snapshots go with it.`))
    await act(vm, "deleting", "DeleteVm", { name: vm.name, force: true });
}

// What the gateway would refuse is not offered.
function actions(vm) {
  const made = element("td", { className: "actions" });
  if (busy.has(vm.uid)) {
    made.append(element("span", { text: `${busy.get(vm.uid)} …`, className: "detail" }));
    return made;
  }
  if (role() === "viewer") return made;
  if (vm.state === "STATE_RUNNING") {
    made.append(button("Terminal", () => openTerminal(vm).catch(complain)));
    made.append(button("Stop", () => act(vm, "stopping", "StopVm", { name: vm.name })));
  } else if (!UP.includes(vm.state)) {
    made.append(button("Start", () => act(vm, "starting", "StartVm", { name: vm.name })));
  }
  made.append(button("Delete", () => remove(vm).catch(complain), "danger"));
  return made;
}

function vmRow(vm) {
  const used = stats.get(vm.uid);
  const up = UP.includes(vm.state);
  const state = vm.state.replace("STATE_", "").toLowerCase();
  const memory = bytes(vm.memory_mib * 1024 * 1024);
  const row = element("tr", {}, cell("Name", idOf(vm.name), { className: "text name", title: vm.uid }),
    cell("State", "", {}, element("div", {}, element("span", { text: state, className: `state state-${state}` }),
      element("div", { text: vm.state_detail, className: "detail" }))),
    cell("Address", up ? vm.address || "user network" : ""), cell("Image", idOf(vm.image)),
    number("CPU", up && used?.cpu_percent !== undefined ? `${Math.round(used.cpu_percent)} %` : ""),
    number("Memory", up && used?.host ? `${bytes(used.host.memory_bytes)} of ${memory}` : memory),
    number("Disk", bytes(used?.disk_used_bytes ?? vm.disk_used_bytes)), actions(vm));
  row.dataset.vm = idOf(vm.name);
  row.dataset.state = state;
  return row;
}

function showVms() {
  const sorted = [...vms.values()].sort((a, b) => (a.create_time < b.create_time ? -1 : 1));
  if (sorted.length === 0) fillWith("vms", "There are no VMs. `banger vm run` makes one.", "nothing");
  else fill("vms", sorted.map(vmRow));
}

async function watchVms(signal) {
  for (;;) {
    const found = new Map(); // until all there are have come
    let synced = false;
    try {
      for await (const change of call(`${VM}WatchVms`, {}, { signal })) {
        recovered("watch");
        const known = synced ? vms : found;
        for (const vm of change.vms) known.set(vm.uid, vm);
        for (const vm of change.deleted_vms) known.delete(vm.uid);
        if (change.synced && !synced) {
          synced = true;
          vms.clear();
          for (const [uid, vm] of found) vms.set(uid, vm);
        }
        if (synced) showVms();
      }
    } catch (error) {
      if (signal.aborted) return;
      complain(error, "watch");
    }
    await pause(2000);
    if (signal.aborted) return;
  }
}

async function pollStats(signal) {
  while (!signal.aborted) {
    try {
      const answer = await ask(`${VM}GetVmStats`, {});
      recovered("stats");
      stats.clear();
      for (const vm of answer.stats) stats.set(vm.uid, vm);
      if (vms.size > 0) showVms();
    } catch (error) {
      complain(error, "stats");
    }
    await pause(5000);
  }
}

// One that does not answer says so in its own place, and the other is shown.
async function showStore(table, method, row, nothing) {
  try {
    const all = await list(method, table);
    if (all.length === 0) fillWith(table, nothing, "nothing");
    else fill(table, all.map(row));
  } catch (error) {
    if (error instanceof CallError && error.code === "UNAUTHENTICATED") complain(error);
    else fillWith(table, error.message, "failed");
  }
}

async function pollStores(signal) {
  while (!signal.aborted) {
    await showStore("images", "banger.image.v1.ImageService/ListImages", imageRow, "There are no images. `banger image pull` gets one.");
    await showStore("kernels", "banger.kernel.v1.KernelService/ListKernels", kernelRow, "There are no kernels. `banger kernel pull` gets one.");
    await pause(15000);
  }
}

// A page that nobody sees asks for nothing, but for its terminal.
function watch() {
  if (document.hidden || client() === "") {
    watching?.abort();
    watching = null;
  } else if (watching === null) {
    watching = new AbortController();
    watchVms(watching.signal);
    pollStats(watching.signal);
    pollStores(watching.signal);
  }
}

async function begin() {
  const login = new URLSearchParams(location.hash.slice(1)).get("login");
  if (login !== null) {
    history.replaceState(null, "", "/"); // nobody finds it in the history
    await logIn(login);
  }
  if (client() === "") {
    showLogin();
    return;
  }
  $("login").hidden = true;
  $("console").hidden = false;
  $("logout").hidden = false;
  $("who").textContent = `${client()} (${role()})`;
  notice("");
  watch();
}

const start = () => begin().catch((error) => showLogin(error.message));
$("confirm-yes").addEventListener("click", () => settle(true));
$("confirm-no").addEventListener("click", () => settle(false));
$("confirm").addEventListener("cancel", () => settle(false)); // Escape
$("logout").addEventListener("click", () => logOut().catch(() => {}).finally(() => location.reload()));
document.addEventListener("visibilitychange", watch);
window.addEventListener("hashchange", start);
start();
