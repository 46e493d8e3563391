// A shell of a VM in the page: ExecVm with a terminal.
import { call, sendInput } from "./calls.js";
import { Screen } from "./screen.js";
import { $, element, idOf } from "./tables.js";

const ROWS = 24;
const SCROLLBACK = 1000;
const PIECE = 16 << 10;
const KEYS = { Enter: "\r", Backspace: "\x7f", Tab: "\t", Escape: "\x1b", Insert: "\x1b[2~", Delete: "\x1b[3~",
  PageUp: "\x1b[5~", PageDown: "\x1b[6~", F1: "\x1bOP", F2: "\x1bOQ", F3: "\x1bOR", F4: "\x1bOS", F5: "\x1b[15~",
  F6: "\x1b[17~", F7: "\x1b[18~", F8: "\x1b[19~", F9: "\x1b[20~", F10: "\x1b[21~", F11: "\x1b[23~", F12: "\x1b[24~" };
const CURSOR_KEYS = { ArrowUp: "A", ArrowDown: "B", ArrowRight: "C", ArrowLeft: "D", Home: "H", End: "F" };

let current = null;

const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));
const fromBase64 = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

// What a key sends; null for what is the browser's.
function bytesOf(event, screen) {
  if (event.isComposing || event.metaKey || (event.ctrlKey && event.shiftKey)) return null;
  const alt = event.altKey ? "\x1b" : "";
  if (event.key === "Tab" && event.shiftKey) return "\x1b[Z";
  if (KEYS[event.key] !== undefined) return alt + KEYS[event.key];
  if (CURSOR_KEYS[event.key] !== undefined)
    return `\x1b${screen.applicationCursor ? "O" : "["}${CURSOR_KEYS[event.key]}`;
  if ([...event.key].length !== 1) return null;
  if (!event.ctrlKey) return alt + event.key;
  const code = event.key.toUpperCase().charCodeAt(0);
  if (event.key === " ") return "\0";
  return code >= 0x40 && code <= 0x5f ? String.fromCharCode(code - 0x40) : null;
}

class Terminal {
  constructor(vm) {
    this.vm = vm;
    this.abort = new AbortController();
    this.view = $("screen");
    this.view.replaceChildren();
    this.scrollback = [];
    this.pending = []; // what the program is still to get: bytes, or a size
    this.rowElements = [];
    this.screen = new Screen(ROWS, this.fittingColumns(),
      { reply: (text) => this.type(text), onScroll: (cells) => this.keep(cells) });
    const listen = (target, name, handler) => target.addEventListener(name, handler, { signal: this.abort.signal });
    listen(this.view, "keydown", (event) => this.onKey(event));
    listen(this.view, "paste", (event) => this.onPaste(event));
    // Once a window has its new size: what a smaller one cuts off does not come back.
    listen(window, "resize", () => {
      clearTimeout(this.fitting);
      this.fitting = setTimeout(() => this.fit(), 250);
    });
    this.draw();
  }

  fittingColumns() {
    const probe = element("span", { text: "M".repeat(50), className: "probe" });
    this.view.append(probe);
    const width = probe.getBoundingClientRect().width / 50;
    probe.remove();
    return Math.min(Math.max(Math.floor((this.view.clientWidth - 20) / width), 20), 300);
  }

  fit() {
    if (this.abort.signal.aborted) return;
    const columns = this.fittingColumns();
    if (columns === this.screen.columns) return;
    this.screen.resize(ROWS, columns);
    this.draw();
    this.send({ window_size: { rows: ROWS, columns } });
  }

  async run() {
    const command = { tty: true, stdin: true, env: ["TERM=xterm"], window_size: { rows: ROWS, columns: this.screen.columns } };
    const request = { name: this.vm.name, input: { command } };
    try {
      const onId = (id) => {
        this.id = id;
        this.flush();
      };
      const options = { signal: this.abort.signal, onId };
      for await (const { output } of call("banger.vm.v1.VmService/ExecVm", request, options)) {
        if (output.stdout !== undefined) this.show(fromBase64(output.stdout));
        if (output.exited !== undefined) this.end(`the shell ended with ${output.exited.exit_code}`);
      }
    } catch (error) {
      this.end(error.name === "AbortError" ? "closed" : error.message);
    }
  }

  show(bytes) {
    this.screen.write(bytes);
    this.drawSoon();
  }

  end(why) {
    this.ended = true;
    this.show(new TextEncoder().encode(`\r\n[${why}]\r\n`));
  }

  onKey(event) {
    const bytes = bytesOf(event, this.screen);
    if (bytes === null) return;
    event.preventDefault();
    this.view.scrollTop = this.view.scrollHeight;
    this.type(bytes);
  }

  onPaste(event) {
    event.preventDefault();
    const text = event.clipboardData.getData("text/plain").replaceAll("\x1b", "").replaceAll("\r\n", "\r").replaceAll("\n", "\r");
    this.type(this.screen.bracketedPaste ? `\x1b[200~${text}\x1b[201~` : text);
  }

  type(text) {
    const bytes = new TextEncoder().encode(text);
    for (let at = 0; at < bytes.length; at += PIECE) this.send({ stdin: bytes.slice(at, at + PIECE) });
  }

  // What is typed while a request is under way goes together.
  send(input) {
    if (this.ended) return;
    const last = this.pending.at(-1);
    if (input.stdin && last?.stdin && last.stdin.length + input.stdin.length <= PIECE)
      last.stdin = Uint8Array.from([...last.stdin, ...input.stdin]);
    else this.pending.push(input);
    this.flush();
  }

  // In order, one request at a time.
  async flush() {
    if (this.sending || this.id === undefined) return;
    this.sending = true;
    try {
      while (this.pending.length > 0 && !this.ended) {
        const next = this.pending.shift();
        await sendInput(this.id, next.stdin ? { stdin: toBase64(next.stdin) } : next);
      }
    } catch (error) {
      if (!this.ended) this.show(new TextEncoder().encode(`\r\n[${error.message}]\r\n`));
    } finally {
      this.sending = false;
    }
  }

  keep(cells) {
    this.scrollback.push(cells);
    if (this.scrollback.length > SCROLLBACK) this.scrollback.shift();
  }

  drawSoon() {
    if (this.drawing) return;
    this.drawing = true;
    setTimeout(() => this.draw(), 16);
  }

  // Who has scrolled up to read stays there.
  draw() {
    this.drawing = false;
    if (current !== this && current !== null) return;
    const { scrollHeight, scrollTop, clientHeight } = this.view;
    const atEnd = scrollHeight - scrollTop - clientHeight < 8;
    for (const cells of this.scrollback.splice(0)) this.view.insertBefore(this.drawn(cells, -1), this.rowElements[0] ?? null);
    while (this.view.childElementCount > SCROLLBACK + ROWS) this.view.firstElementChild.remove();
    const { screen } = this;
    const rows = screen.cells.map((cells, row) => this.drawn(cells, screen.cursorVisible && row === screen.row ? screen.column : -1));
    for (const old of this.rowElements) old.remove();
    this.view.append(...rows);
    this.rowElements = rows;
    if (atEnd) this.view.scrollTop = this.view.scrollHeight;
  }

  // Runs of one style; text only.
  drawn(cells, cursor) {
    const row = element("div", { className: "row" });
    let run = null;
    cells.forEach(({ text, style }, column) => {
      if (run === null || run.style !== style || column === cursor || run.cursor) {
        run = { style, cursor: column === cursor, text: "" };
        run.element = this.span(style, run.cursor);
        row.append(run.element);
      }
      run.text += text;
      run.element.textContent = run.text;
    });
    return row;
  }

  span(style, isCursor) {
    const classes = [style.bold && "bold", style.underline && "underline", isCursor && "cursor"].filter(Boolean);
    const span = element("span", { className: classes.join(" ") });
    const [fg, bg] = style.inverse ? [style.bg || "#16181c", style.fg || "#d8dade"] : [style.fg, style.bg];
    if (!isCursor) Object.assign(span.style, { color: fg, backgroundColor: bg });
    return span;
  }

  close() {
    this.ended = true;
    this.abort.abort();
  }
}

function closeTerminal() {
  current?.close();
  current = null;
  $("terminal").hidden = true;
}

// A shell in the VM, in the place of the one before.
export async function openTerminal(vm) {
  closeTerminal();
  $("terminal").hidden = false;
  $("terminal-title").textContent = `Terminal of ${idOf(vm.name)}`;
  const terminal = new Terminal(vm);
  current = terminal;
  $("screen").focus();
  await terminal.run();
}

$("terminal-close").addEventListener("click", closeTerminal);
