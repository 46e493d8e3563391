// The gateway's API: requests and responses are its messages' JSON.

const PROOF = "banger-console-proof";

// What went wrong with a call; `code` and `reason` are the API's.
export class CallError extends Error {
  constructor({ code = "", reason = "", message = "" }) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

async function post(path, body, signal) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json", "Banger-Console-Proof": localStorage.getItem(PROOF) ?? "" },
    body: JSON.stringify(body),
    cache: "no-store",
    redirect: "error",
    signal,
  }).catch((error) => {
    if (error.name === "AbortError") throw error;
    throw new CallError({ code: "UNAVAILABLE", message: "the gateway does not answer" });
  });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new CallError(problem.error ?? { message: `the gateway answered ${answer.status}` });
}

// Takes the secret of a `banger web` URL; who we are then.
export async function logIn(login) {
  const { proof, client, role } = await (await post("/api/login", { login })).json();
  localStorage.setItem(PROOF, proof);
  localStorage.setItem("client", client);
  localStorage.setItem("role", role);
}

export const client = () => localStorage.getItem("client") ?? "";
export const role = () => localStorage.getItem("role") ?? "";

export async function logOut() {
  try {
    await post("/api/logout", {});
  } finally {
    localStorage.clear();
  }
}

async function* lines(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read().catch((error) => {
      if (error.name === "AbortError") throw error;
      return { done: true }; // the connection broke
    });
    if (done) return;
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    for (const line of parts) if (line !== "") yield JSON.parse(line);
  }
}

// Yields each response. `signal` ends the call; `onId` learns the id for sendInput.
export async function* call(method, request, { signal, onId } = {}) {
  const answer = await post(`/api/call/${method}`, request, signal);
  for await (const line of lines(answer.body)) {
    if (line.call !== undefined) onId?.(line.call);
    if (line.message !== undefined) yield line.message;
    if (line.error !== undefined) throw new CallError(line.error);
    if (line.end !== undefined) return;
  }
  throw new CallError({ code: "UNAVAILABLE", message: "the connection to the gateway was lost" });
}

// The last response: of a unary call the only one.
export async function ask(method, request) {
  let last = {};
  for await (const message of call(method, request)) last = message;
  return last;
}

// All pages of a list.
export async function list(method, field) {
  const all = [];
  let token = "";
  do {
    const page = await ask(method, { page_size: 1000, page_token: token });
    all.push(...page[field]);
    token = page.next_page_token;
  } while (token !== "");
  return all;
}

export const sendInput = (id, input) => post(`/api/input/${id}`, { input });
