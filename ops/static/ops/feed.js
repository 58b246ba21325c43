// A client of /ws/feed: keeps one position and resumes from it, so that nothing is missed (docs/feed.md).
"use strict";

const SILENCE_HEARTBEATS = 3;
const MOST_DELAY_MS = 30_000;
const NOT_TO_BE_RETRIED = 4500;

class Feed {
  /** `on`: {messages(list), state(name, text), position(epoch, seq), hole(frame)}. */
  constructor(address, channels, on) {
    this.address = address;
    this.channels = channels;
    this.on = on;
    this.position = null;
    this.failures = 0;
    this.heartbeatMs = 10_000;
    this.farewell = null;
  }

  connect() {
    this.on.state("connecting", this.failures ? "reconnecting" : "connecting");
    this.farewell = null;
    this.socket = new WebSocket(this.address);
    this.socket.onmessage = (event) => this.take(JSON.parse(event.data));
    this.socket.onclose = (event) => this.closed(event.code);
    this.watch();
  }

  take(frame) {
    this.watch();
    if (frame.op === "hello") {
      this.heartbeatMs = frame.heartbeat_s * 1000;
      const since = this.position ? { since: this.position } : {};
      this.send({ op: "subscribe", id: "live", channels: this.channels, ...since });
    } else if (frame.op === "subscribed") {
      this.failures = 0;
      this.moveTo(frame.epoch, frame.seq, this.position && this.position.at);
      this.on.state("live", "live");
      if (frame.recovered === false) this.on.hole(frame);
    } else if (frame.op === "epoch") {
      this.moveTo(frame.epoch, 0, this.position && this.position.at);
    } else if (frame.op === "data") {
      this.takeData(frame);
    } else if (frame.op === "bye") {
      this.farewell = frame;
    } else if (frame.op === "error") {
      this.on.state("refused", frame.message);
    }
  }

  takeData(frame) {
    if (frame.from !== this.position.seq) {
      this.socket.close(); // a hole that the server did not announce: resume from what we have
      return;
    }
    this.on.messages(frame.messages);
    this.moveTo(this.position.epoch, frame.to, frame.at);
    this.send({ op: "pong", to: frame.to });
  }

  moveTo(epoch, seq, at) {
    this.position = at ? { epoch, seq, at } : { epoch, seq };
    this.on.position(epoch, seq);
  }

  send(frame) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  watch() {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.close(), SILENCE_HEARTBEATS * this.heartbeatMs);
  }

  closed(code) {
    clearTimeout(this.silence);
    const reason = this.farewell ? this.farewell.reason : "connection lost";
    if (code >= NOT_TO_BE_RETRIED || (this.farewell && this.farewell.retry_in === null)) {
      this.on.state("refused", reason);
      return;
    }
    this.failures += 1;
    const asked = this.farewell ? this.farewell.retry_in * 1000 : 500;
    const usual = Math.min(MOST_DELAY_MS, 500 * 2 ** (this.failures - 1));
    const delay = Math.max(asked, usual) * (1 + 0.4 * Math.random()); // never sooner than the server asks
    this.on.state("lost", `${reason}, retrying`);
    setTimeout(() => this.connect(), delay);
  }
}
