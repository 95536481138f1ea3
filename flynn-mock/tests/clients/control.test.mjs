// Drives `mock-controller` from Node: node --test flynn-mock/tests/clients/
//
// The environment variable MOCK_CONTROLLER names the program.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const PROGRAM = process.env.MOCK_CONTROLLER ?? "mock-controller";
const SEED = join(dirname(fileURLToPath(import.meta.url)), "apps.toml");

/** A running mock and its control API. */
class MockController {
  static async start(...options) {
    const folder = mkdtempSync(join(tmpdir(), "flynn-mock-"));
    const ready = join(folder, "ready.json");
    const arguments_ = ["--no-tls", "--ready-file", ready, "--seed", SEED, ...options];
    const child = spawn(PROGRAM, arguments_, { stdio: ["ignore", "ignore", "inherit"] });
    for (let waited = 0; !existsSync(ready); waited += 10) {
      assert(waited < 30_000 && child.exitCode === null, "mock-controller is not ready");
      await pause(10);
    }
    return Object.assign(new MockController(), {
      child,
      folder,
      facts: JSON.parse(readFileSync(ready, "utf8")),
    });
  }

  async close() {
    const ended = new Promise((resolve) => this.child.once("exit", resolve));
    this.child.kill();
    await ended;
    rmSync(this.folder, { recursive: true });
  }

  /** Calls the control API. */
  async control(method, path, body) {
    const headers = { authorization: `Bearer ${this.facts.token}` };
    const answer = await fetch(this.facts.control_url + path, {
      method,
      headers,
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    const document = text === "" ? null : JSON.parse(text);
    assert(answer.ok, `${method} ${path}: ${document?.error}`);
    return document;
  }

  /** Calls the controller itself, as a client would. */
  api(method, path, body) {
    const key = Buffer.from(`:${this.facts.key}`).toString("base64");
    return fetch(this.facts.url + path, {
      method,
      headers: { authorization: `Basic ${key}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
  }
}

let mock;
beforeEach(async () => {
  mock = await MockController.start("--pace", "at-once");
});
afterEach(() => mock.close());

test("the seed is there", async () => {
  const app = await (await mock.api("GET", "/apps/www")).json();
  assert.equal(app.name, "www");
  const release = await mock.control("GET", "/state/apps/www/release");
  assert.equal(release.env.GREETING, "hello");
});

test("a fault strikes twice, then the cluster answers", async () => {
  await mock.control("POST", "/faults", {
    op: "AppList",
    times: 2,
    fault: { kind: "status", status: 503, retry: true },
  });
  const statuses = [];
  for (let n = 0; n < 3; n++) statuses.push((await mock.api("GET", "/apps")).status);
  assert.deepEqual(statuses, [503, 503, 200]);
});

test("requests are recorded and waited for", async () => {
  const waiting = mock.control("GET", "/requests?op=AppCreate&min=1");
  await mock.api("POST", "/apps", { name: "made" });
  const { requests } = await waiting;
  assert.deepEqual(requests[0].json, { name: "made" });
});

test("a cluster is gone for a while", async () => {
  await mock.control("POST", "/shut-down");
  await assert.rejects(mock.api("GET", "/apps"), (error) => error.cause.code === "ECONNREFUSED");
  await mock.control("POST", "/restart");
  assert.equal((await mock.api("GET", "/apps")).status, 200);
});
