// A terminal's screen: takes what a program prints and keeps the cells that it makes.
// The part of xterm that shells, editors and pagers use; everything else is swallowed.
// Knows nothing of the page.

const PLAIN = Object.freeze({ fg: "", bg: "", bold: false, underline: false, inverse: false });
const COLOURS = ["#000000", "#cd3131", "#3fa65a", "#c9a227", "#3b78d8", "#b04fb5", "#2aa1b3", "#d8dade",
  "#777b82", "#f14c4c", "#5fd37f", "#f5d76e", "#6ea8fe", "#d984de", "#5fd7e7", "#ffffff"];
// From "`" on, as DEC's line drawing has them.
const LINES = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

function paletteColour(index) {
  if (index < 16) return COLOURS[index] ?? "";
  if (index > 255) return "";
  if (index >= 232) return `rgb(${Array(3).fill(8 + (index - 232) * 10).join()})`;
  const level = (value) => (value === 0 ? 0 : 55 + value * 40);
  const cube = index - 16;
  return `rgb(${level(Math.floor(cube / 36))},${level(Math.floor(cube / 6) % 6)},${level(cube % 6)})`;
}

const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

export class Screen {
  // `reply` sends text to the program; `onScroll` gets each row that leaves at the top.
  constructor(rows, columns, { reply = () => {}, onScroll = () => {} } = {}) {
    Object.assign(this, { rows, columns, reply, onScroll });
    this.decoder = new TextDecoder();
    this.reset();
  }

  reset() {
    this.style = PLAIN;
    this.cells = this.blankScreen();
    this.main = null; // the cells of the main screen while the alternate one is shown
    this.row = this.column = 0;
    this.saved = { row: 0, column: 0, style: PLAIN };
    this.top = 0;
    this.bottom = this.rows - 1;
    this.wrapping = false; // the next character begins a line
    this.autowrap = true;
    this.cursorVisible = true;
    this.applicationCursor = false;
    this.bracketedPaste = false;
    this.lineDrawing = false;
    this.last = " ";
    this.state = this.ground;
  }

  // Erased cells have the background of what is printed.
  blankRow(columns = this.columns) {
    const style = this.style.bg === "" ? PLAIN : Object.freeze({ ...PLAIN, bg: this.style.bg });
    return Array.from({ length: columns }, () => ({ text: " ", style }));
  }
  blankScreen() {
    return Array.from({ length: this.rows }, () => this.blankRow());
  }

  resize(rows, columns) {
    const fit = (cells) => {
      for (const line of cells) {
        while (line.length < columns) line.push({ text: " ", style: PLAIN });
        line.length = columns;
      }
      while (cells.length > rows) cells.shift();
      while (cells.length < rows) cells.push(this.blankRow(columns));
    };
    this.row = clamp(this.row - Math.max(0, this.rows - rows), 0, rows - 1);
    this.column = clamp(this.column, 0, columns - 1);
    Object.assign(this, { rows, columns, top: 0, bottom: rows - 1, wrapping: false });
    fit(this.cells);
    if (this.main !== null) fit(this.main);
  }

  // A row's text without the blanks at its end.
  text(row) {
    return this.cells[row].map((cell) => cell.text).join("").trimEnd();
  }

  write(bytes) {
    for (const character of this.decoder.decode(bytes, { stream: true })) this.state(character);
  }

  ground(character) {
    const code = character.codePointAt(0);
    if (code >= 0x20 && code !== 0x7f && (code < 0x80 || code > 0x9f)) this.print(character);
    else this.control(code);
  }

  control(code) {
    if (code === 0x1b) this.state = this.escape;
    else if (code === 0x08) this.move(this.row, this.column - 1);
    else if (code === 0x09) this.move(this.row, (Math.floor(this.column / 8) + 1) * 8);
    else if (code >= 0x0a && code <= 0x0c) this.lineFeed();
    else if (code === 0x0d) this.move(this.row, 0);
  }

  print(character) {
    if (/\p{M}/u.test(character)) {
      const before = this.cells[this.row][Math.max(0, this.column - 1)];
      if (before.text.length < 8) before.text += character;
      return;
    }
    if (this.wrapping && this.autowrap) {
      this.column = 0;
      this.lineFeed();
    }
    if (this.lineDrawing && character >= "`" && character <= "~") character = LINES[character.charCodeAt(0) - 0x60];
    this.last = character;
    this.cells[this.row][this.column] = { text: character, style: this.style };
    this.wrapping = this.column === this.columns - 1;
    if (!this.wrapping) ++this.column;
  }

  move(row, column) {
    this.row = clamp(row, 0, this.rows - 1);
    this.column = clamp(column, 0, this.columns - 1);
    this.wrapping = false;
  }

  lineFeed() {
    this.wrapping = false;
    if (this.row === this.bottom) this.scrollUp(1);
    else if (this.row < this.rows - 1) ++this.row;
  }
  reverseLineFeed() {
    if (this.row === this.top) this.scrollDown(1, this.top);
    else this.move(this.row - 1, this.column);
  }

  scrollUp(count, from = this.top) {
    for (let i = 0; i < Math.min(count, this.bottom - from + 1); ++i) {
      const [gone] = this.cells.splice(from, 1);
      if (from === 0 && this.main === null) this.onScroll(gone);
      this.cells.splice(this.bottom, 0, this.blankRow());
    }
  }
  scrollDown(count, from = this.top) {
    for (let i = 0; i < Math.min(count, this.bottom - from + 1); ++i) {
      this.cells.splice(this.bottom, 1);
      this.cells.splice(from, 0, this.blankRow());
    }
  }

  escape(character) {
    this.state = this.ground;
    if (character === "[") {
      this.parameters = "";
      this.state = this.sequence;
    } else if ("]PX^_".includes(character)) this.state = this.string;
    else if (character === "(") this.state = this.charset;
    else if (")*+-./#% ".includes(character)) this.state = () => (this.state = this.ground);
    else if (character === "7") this.save();
    else if (character === "8") this.restore();
    else if (character === "D") this.lineFeed();
    else if (character === "M") this.reverseLineFeed();
    else if (character === "E") {
      this.column = 0;
      this.lineFeed();
    } else if (character === "c") this.reset();
  }
  charset(character) {
    this.lineDrawing = character === "0";
    this.state = this.ground;
  }
  // A title and the like: swallowed to its end.
  string(character) {
    if (character === "\x07") this.state = this.ground;
    else if (character === "\x1b") this.state = this.stringEnd;
  }
  stringEnd(character) {
    if (character === "\\") this.state = this.ground;
    else {
      this.state = this.escape;
      this.state(character);
    }
  }

  sequence(character) {
    const code = character.codePointAt(0);
    if (code < 0x20) this.control(code);
    else if (code < 0x40) this.parameters = (this.parameters + character).slice(0, 64);
    else {
      this.state = this.ground;
      if (code < 0x7f) this.command(character, this.parameters);
    }
  }

  command(final, text) {
    if (text.startsWith("?")) {
      if (final === "h" || final === "l") for (const mode of text.slice(1).split(";")) this.mode(Number(mode), final === "h");
      return;
    }
    if (!/^[0-9;:]*$/.test(text)) return;
    const numbers = text.split(/[;:]/).slice(0, 32).map((number) => Math.min(Number(number), 9999));
    const count = Math.max(1, numbers[0]);
    const line = this.cells[this.row];
    const blank = (from, to) => line.splice(from, to - from, ...this.blankRow().slice(from, to));
    switch (final) {
      case "A": this.move(this.row - count, this.column); break;
      case "B": case "e": this.move(this.row + count, this.column); break;
      case "C": case "a": this.move(this.row, this.column + count); break;
      case "D": this.move(this.row, this.column - count); break;
      case "E": this.move(this.row + count, 0); break;
      case "F": this.move(this.row - count, 0); break;
      case "G": case "`": this.move(this.row, count - 1); break;
      case "d": this.move(count - 1, this.column); break;
      case "H": case "f": this.move(count - 1, Math.max(1, numbers[1] ?? 1) - 1); break;
      case "I": this.move(this.row, (Math.floor(this.column / 8) + count) * 8); break;
      case "Z": this.move(this.row, (Math.ceil(this.column / 8) - count) * 8); break;
      case "J": this.eraseScreen(numbers[0]); break;
      case "K": blank(numbers[0] === 0 ? this.column : 0, numbers[0] === 1 ? this.column + 1 : this.columns); break;
      case "X": blank(this.column, Math.min(this.columns, this.column + count)); break;
      case "@":
        line.splice(this.column, 0, ...this.blankRow().slice(0, count));
        line.length = this.columns;
        break;
      case "P":
        line.splice(this.column, count);
        line.push(...this.blankRow().slice(line.length));
        break;
      case "L": if (this.row >= this.top && this.row <= this.bottom) this.scrollDown(count, this.row); break;
      case "M": if (this.row >= this.top && this.row <= this.bottom) this.deleteLines(count); break;
      case "S": this.scrollUp(count); break;
      case "T": this.scrollDown(count); break;
      case "b": for (let i = 0; i < Math.min(count, this.columns); ++i) this.print(this.last); break;
      case "m": this.paint(numbers); break;
      case "r": this.region(count - 1, (numbers[1] || this.rows) - 1); break;
      case "s": this.save(); break;
      case "u": this.restore(); break;
      case "n":
        if (numbers[0] === 5) this.reply("\x1b[0n");
        if (numbers[0] === 6) this.reply(`\x1b[${this.row + 1};${this.column + 1}R`);
        break;
      case "c": this.reply("\x1b[?6c"); break;
    }
  }

  // Not into the scrollback, as scrollUp of the whole screen.
  deleteLines(count) {
    const lines = Math.min(count, this.bottom - this.row + 1);
    this.cells.splice(this.row, lines);
    for (let i = 0; i < lines; ++i) this.cells.splice(this.bottom - lines + 1 + i, 0, this.blankRow());
  }

  eraseScreen(what) {
    const from = what === 0 ? this.row * this.columns + this.column : 0;
    const to = what === 1 ? this.row * this.columns + this.column + 1 : this.rows * this.columns;
    const blank = this.blankRow();
    for (let at = from; at < to; ++at)
      this.cells[Math.floor(at / this.columns)][at % this.columns] = { ...blank[0] };
  }

  region(top, bottom) {
    bottom = Math.min(bottom, this.rows - 1);
    if (top >= bottom) return;
    this.top = top;
    this.bottom = bottom;
    this.move(0, 0);
  }

  save() {
    this.saved = { row: this.row, column: this.column, style: this.style };
  }
  restore() {
    this.move(this.saved.row, this.saved.column);
    this.style = this.saved.style;
  }

  mode(mode, on) {
    if (mode === 1) this.applicationCursor = on;
    else if (mode === 7) this.autowrap = on;
    else if (mode === 25) this.cursorVisible = on;
    else if (mode === 2004) this.bracketedPaste = on;
    else if (mode === 47 || mode === 1047 || mode === 1049) this.alternate(on, mode === 1049);
  }
  alternate(on, keepsCursor) {
    if (on === (this.main !== null)) return;
    if (on) {
      if (keepsCursor) this.save();
      this.main = this.cells;
      this.cells = this.blankScreen();
    } else {
      this.cells = this.main;
      this.main = null;
      if (keepsCursor) this.restore();
    }
    this.top = 0;
    this.bottom = this.rows - 1;
  }

  paint(numbers) {
    const style = { ...this.style };
    for (let i = 0; i < numbers.length; ++i) {
      const number = numbers[i];
      if (number === 0) Object.assign(style, PLAIN);
      else if (number === 1) style.bold = true;
      else if (number === 4) style.underline = true;
      else if (number === 7) style.inverse = true;
      else if (number === 22) style.bold = false;
      else if (number === 24) style.underline = false;
      else if (number === 27) style.inverse = false;
      else if (number >= 30 && number <= 37) style.fg = COLOURS[number - 30];
      else if (number >= 90 && number <= 97) style.fg = COLOURS[number - 82];
      else if (number >= 40 && number <= 47) style.bg = COLOURS[number - 40];
      else if (number >= 100 && number <= 107) style.bg = COLOURS[number - 92];
      else if (number === 39) style.fg = "";
      else if (number === 49) style.bg = "";
      else if (number === 38 || number === 48) {
        const which = number === 38 ? "fg" : "bg";
        if (numbers[i + 1] === 5) {
          style[which] = paletteColour(numbers[i + 2] ?? 0);
          i += 2;
        } else if (numbers[i + 1] === 2) {
          style[which] = `rgb(${[2, 3, 4].map((at) => clamp(numbers[i + at] ?? 0, 0, 255)).join()})`;
          i += 4;
        }
      }
    }
    this.style = Object.freeze(style);
  }
}
