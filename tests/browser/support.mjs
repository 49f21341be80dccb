// What the walks through the pages share: a browser, people who are signed in, and what holds for every page.
//
// The environment says where all is: GATEPASS_CONTROL (the control plane), GATEPASS_GATE (Envoy), GATEPASS_ADMIN_TOKEN,
// GATEPASS_ADMIN_PASSWORD, GATEPASS_DATA (the data folder), GATEPASS_BROWSER (node_modules with playwright-core and axe-core),
// GATEPASS_TEST_CHROMIUM, GATEPASS_PROVIDER where there is a provider of identities, and GATEPASS_SCREENSHOTS, a folder, if
// pictures are wanted.
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before } from "node:test";
import { indexed } from "./palette.mjs";

const env = process.env;
const require = createRequire(join(env.GATEPASS_BROWSER, "x.js"));
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/** Where the pages are. */
export const control = env.GATEPASS_CONTROL;
/** Where the gate is. */
export const gate = env.GATEPASS_GATE;
/** Of everybody but the first admin. */
export const password = "correct horse battery";

/** What harms nobody as text; as markup it would say so. */
export const hostile = [
  "<script>alert(1)</script>",
  "\"><img src=x onerror=alert(2)>",
  "' autofocus onfocus=alert(3) x='",
  "</textarea></title></style><svg onload=alert(4)>",
  "{{7*7}} ${7*7} <%= 7 %> &lt;b&gt; &#106;",
  "javascript:alert(5) \u202egnp.exe",
  "<a hx-get=/sign-out hx-trigger=load>x</a>",
];

/** How the pages are looked at. */
export const ways = [
  { name: "light", options: {} },
  { name: "dark", options: { colorScheme: "dark" } },
  { name: "phone", options: { viewport: { width: 390, height: 844 }, hasTouch: true } },
  { name: "no-script", options: { javaScriptEnabled: false } },
];

const argumentsOfChromium = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
];
let browser;
before(async () => {
  browser = await chromium.launch({ executablePath: env.GATEPASS_TEST_CHROMIUM, args: argumentsOfChromium });
});
after(async () => { await browser?.close(); });

/** A call of REST by the first admin, which must succeed. */
export async function rest(method, path, body, token = env.GATEPASS_ADMIN_TOKEN) {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  const reply = await fetch(`${control}/api/v1${path}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await reply.text();
  assert.ok(reply.ok, `${method} ${path}: ${reply.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

/** Adds a person who can sign in. */
export async function person(name, role = "user", more = {}) {
  await rest("POST", "/users", { name, role, ...more });
  await rest("PUT", `/users/${encodeURIComponent(name)}/password`, { password });
}

/** What the gate answers to a request with this `Authorization`. */
export async function atGate(authorization, path = "/rest/api/2/myself") {
  const reply = await fetch(`${gate}${path}`, { headers: authorization ? { authorization } : {} });
  return { status: reply.status, body: await reply.json().catch(() => null) };
}

/** Waits until the gate answers with `status`: what was changed is on its way to the proxy. */
export async function gateAnswers(status, authorization, path) {
  for (;;) {
    const reply = await atGate(authorization, path);
    if (reply.status === status) return reply;
    await new Promise((resume) => setTimeout(resume, 20));
  }
}

/** Somebody at a browser. What the browser complains about is a fault: a page that its policy does not admit, an error. */
export class Visitor {
  /** `elsewhere`: where else than to the control plane the browser may go. */
  static async open({ elsewhere = [], ...options } = {}) {
    const context = await browser.newContext({ baseURL: control, timezoneId: "Europe/Berlin", locale: "en-GB", ...options });
    context.setDefaultTimeout(60_000);
    const page = await context.newPage();
    const visitor = new Visitor(context, page, options.javaScriptEnabled !== false);
    page.on("console", (message) => {
      // The browser itself tells of replies that refuse; those are looked at where they are expected.
      const isReply = /the server responded with a status of 4\d\d/.test(message.text());
      // Nor is it a fault that somebody goes on before a list is renewed.
      const isLeft = /^htmx:(sendAbort|afterRequest)/.test(message.text());
      const isTheirs = elsewhere.some((place) => page.url().startsWith(place));
      if (["error", "warning"].includes(message.type()) && !isReply && !isLeft && !isTheirs) visitor.complaints.push(message.text());
    });
    page.on("pageerror", (error) => visitor.complaints.push(String(error)));
    page.on("request", (request) => {
      if (![control, ...elsewhere].some((place) => request.url().startsWith(place))) visitor.complaints.push(`asks elsewhere: ${request.url()}`);
    });
    page.on("dialog", (dialog) => {
      visitor.complaints.push(`a script ran: ${dialog.message()}`);
      dialog.dismiss();
    });
    return visitor;
  }

  constructor(context, page, hasScript) {
    Object.assign(this, { context, page, hasScript, complaints: [] });
  }

  /** Signs in by the form. */
  async signIn(name, secret = name === "admin" ? env.GATEPASS_ADMIN_PASSWORD : password) {
    await this.page.goto("/sign-in");
    await this.page.getByLabel("User name").fill(name);
    await this.page.getByLabel("Password").fill(secret);
    await this.page.getByRole("button", { name: "Sign in" }).click();
    await this.page.getByRole("link", { name: "Gatepass" }).waitFor();
    return this;
  }

  /** What holds for every page that is shown; a picture of it, if pictures are wanted. */
  async check(picture) {
    const { page } = this;
    await this.settled();
    assert.deepEqual(this.complaints, [], `${page.url()}: the browser complains`);
    assert.equal(await page.locator("h1").count(), 1, `${page.url()}: one heading`);
    assert.equal(await page.locator("script:not([src]), style, [style], [onclick], [onload]").count(), 0, "nothing inline");
    if (this.hasScript) await this.checkAccess();
    if (picture) await this.picture(picture, { fullPage: true });
  }

  /** A picture, if pictures are wanted. */
  async picture(name, options = {}) {
    if (!env.GATEPASS_SCREENSHOTS) return;
    mkdirSync(env.GATEPASS_SCREENSHOTS, { recursive: true });
    writeFileSync(join(env.GATEPASS_SCREENSHOTS, `${name}.png`), indexed(await this.page.screenshot(options)));
  }

  /** Nothing on its way, and nothing that moves. */
  async settled() {
    await this.page.waitForLoadState("load");
    if (this.hasScript) {
      await this.page.waitForFunction(() => !document.querySelector(".htmx-request") && document.getAnimations().length === 0);
    }
  }

  async checkAccess() {
    // Not by an element of the page: its policy admits no foreign script.
    await this.page.evaluate(axe);
    const found = await this.page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
    const grave = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
    const told = grave.map((one) => `${one.id}: ${one.help}\n  ${one.nodes.map((node) => node.html).join("\n  ")}`);
    assert.deepEqual(told, [], `${this.page.url()}: what keeps people out`);
  }

  async close() {
    assert.deepEqual(this.complaints, [], "the browser complains");
    await this.context.close();
  }
}

/** Runs `walk` as `name` in each way, or in those that are `named`. */
export function inEachWay(name, walk, named = ways.map((way) => way.name)) {
  return async (test) => {
    for (const way of ways.filter((way) => named.includes(way.name))) {
      await test.test(way.name, async () => {
        const visitor = await Visitor.open(way.options);
        if (name) await visitor.signIn(name);
        await walk(visitor, way.name);
        await visitor.close();
      });
    }
  };
}

/** Bytes of the page and all that it loads, each as gzip would send it. */
export async function weight(visitor, path) {
  const { gzipSync } = await import("node:zlib");
  const sizes = [];
  const seen = async (response) => {
    const packed = response.headers()["content-encoding"] === "gzip";
    const body = await response.body();
    sizes.push(packed ? Number(response.headers()["content-length"]) : gzipSync(body).length);
  };
  const reading = [];
  const listener = (response) => reading.push(seen(response));
  visitor.page.on("response", listener);
  await visitor.page.goto(path);
  await visitor.settled();
  await Promise.all(reading);
  visitor.page.off("response", listener);
  return sizes.reduce((sum, size) => sum + size, 0);
}
