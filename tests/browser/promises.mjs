// What the original's documents promise about its pages, as far as no other walk shows it: see promises.md.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, atGate, control, gateAnswers, inEachWay as inWays, person, rest } from "./support.mjs";

before(async () => {
  await person("fred");
  await person("mona", "token_manager");
  await person("ada", "admin");
});

// How it looks is the other walks' business.
const inEachWay = (name, walk) => inWays(name, walk, ["light", "no-script"]);
const nav = (page) => page.getByRole("navigation", { name: "Pages" });
const menu = (page) => page.locator("details.menu");

/** Saves what was changed on the page of settings. */
async function save(page) {
  await page.getByRole("button", { name: "Save the settings" }).click();
  await page.getByText("The settings are saved.").waitFor();
}

async function make(page, description, { form = "/tokens/new", user, valid } = {}) {
  await page.goto(form);
  if (user) await page.getByLabel("For whom?").fill(user);
  await page.getByLabel("Description").fill(description);
  if (valid) await page.getByLabel("Expires after").selectOption(valid);
  await page.getByRole("button", { name: "New API token" }).click();
  await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
  return page.locator("#secret").textContent();
}

test("the profile menu leads to one's own tokens", inEachWay("fred", async (visitor) => {
  const { page } = visitor;
  await page.goto("/explain");
  await menu(page).locator("summary").click();
  await menu(page).getByRole("link", { name: "My API tokens" }).click();
  await page.getByRole("heading", { name: "My API tokens" }).waitFor();
  assert.equal(page.url(), `${control}/tokens`);
}));

test("nothing that cannot be undone is done without being asked about first", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const name = `leaver ${way}`;
  await person(name);
  const token = await rest("POST", "/tokens", { user: name, description: `to be kept ${way}`, allowed_ips: ["127.0.0.0/8"] });
  await gateAnswers(200, `Bearer ${token.token}`);
  const works = async (what) => assert.equal((await atGate(`Bearer ${token.token}`)).status, 200, what);
  // One token: all of its details, and a way out that changes nothing.
  await page.goto(`/manager?user=${encodeURIComponent(name)}`);
  await page.getByRole("link", { name: `Delete to be kept ${way} of ${name}` }).click();
  const facts = await page.locator("dl.facts dt").allTextContents();
  assert.deepEqual(facts, ["Description", "User", "State", "Created", "Expires", "Last used", "Scope", "IP addresses", "Manages tokens", "Ends with", "Id"]);
  await page.getByText("This cannot be undone.").waitFor();
  await page.getByText("127.0.0.0/8").waitFor();
  await works("to be asked is no deletion");
  await page.getByRole("link", { name: "Keep it" }).click();
  // All of a user.
  await page.getByRole("link", { name: `Delete all tokens of ${name}` }).click();
  await page.getByText("This cannot be undone.").waitFor();
  await works("nor is this");
  await page.getByRole("link", { name: "Leave them as they are" }).click();
  // Several.
  await page.getByLabel(`Select to be kept ${way} of ${name}`).check();
  await page.getByRole("button", { name: "Delete…" }).click();
  await page.getByText("This cannot be undone.").waitFor();
  await works("nor this");
  await page.getByRole("link", { name: "Leave them as they are" }).click();
  // Tokens that a change of settings would end are counted before it is saved, and the box that ends them says so.
  await page.goto("/admin/settings");
  await page.locator("#apply-help").getByText("This cannot be undone.").waitFor();
  const before = await rest("GET", `/tokens/${token.id}`);
  const validity = (await rest("GET", "/settings")).max_validity;
  await page.getByLabel("Longest validity").selectOption("6 months");
  await page.getByLabel("Apply it to tokens that there are").check();
  if (!visitor.hasScript) {
    await page.getByRole("button", { name: "Save the settings" }).click();
    await page.getByRole("alert").getByText("Nothing is saved yet.").waitFor();
  }
  await page.locator("#consequences").getByText(/Shortens the life of/).waitFor();
  assert.equal((await rest("GET", `/tokens/${token.id}`)).expires_at, before.expires_at);
  assert.equal((await rest("GET", "/settings")).max_validity, validity);
  // What can be undone is: disabled and enabled, deactivated and back.
  await page.goto(`/tokens/${token.id}`);
  await page.getByRole("button", { name: "Disable" }).click();
  await gateAnswers(403, `Bearer ${token.token}`);
  await page.getByRole("button", { name: "Enable" }).click();
  await gateAnswers(200, `Bearer ${token.token}`);
  for (const [active, status] of [[false, 403], [true, 200]]) {
    await page.goto(`/admin/users/${encodeURIComponent(name)}`);
    await page.getByLabel("Active", { exact: true }).setChecked(active);
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText("Saved.").waitFor();
    await gateAnswers(status, `Bearer ${token.token}`);
  }
}));

test("the token manager is in the menu of those who may use it, from the moment on when they may", inEachWay(null, async (visitor, way) => {
  const name = `becomes ${way}`;
  await person(name);
  await visitor.signIn(name);
  const { page } = visitor;
  assert.equal(await page.getByRole("link", { name: "Token manager", includeHidden: true }).count(), 0);
  await rest("PATCH", `/users/${encodeURIComponent(name)}`, { role: "token_manager" });
  await page.goto("/tokens");
  await nav(page).getByRole("link", { name: "Token manager" }).click();
  await page.getByRole("heading", { name: "Token manager" }).waitFor();
  await page.getByRole("link", { name: "New API token" }).waitFor();
  await rest("PATCH", `/users/${encodeURIComponent(name)}`, { role: "user" });
  assert.equal((await page.goto("/manager")).status(), 403, "and no longer than they may");
}));

test("a token manager chooses for others within the same bound", inEachWay("mona", async (visitor, way) => {
  const { page } = visitor;
  await rest("PATCH", "/settings", { max_validity: "P1Y" });
  await page.goto("/manager/new");
  assert.deepEqual(await page.getByLabel("Expires after").locator("option").allTextContents(), ["6 months", "1 year"]);
  await make(page, `shorter ${way}`, { form: "/manager/new", user: "fred", valid: "6 months" });
  await page.goto(`/manager?user=fred&description=shorter+${way}`);
  await page.getByRole("row", { name: `shorter ${way}` }).getByText(/in (6 months|18\d days)/).waitFor();
}));

test("each date has its presets, and a range of one's own", inEachWay("mona", async (visitor, way) => {
  const { page } = visitor;
  const description = `dated ${way}`;
  const token = await rest("POST", "/tokens", { user: "fred", description });
  await gateAnswers(200, `Bearer ${token.token}`);
  for (;;) {
    if ((await rest("GET", `/tokens/${token.id}`)).last_used) break;
    await new Promise((resume) => setTimeout(resume, 100));
  }
  const day = (moment) => moment.slice(0, 10);
  const { last_used: used } = await rest("GET", `/tokens/${token.id}`);
  const days = { Created: token.created_at, "Last used": used.at, Expires: token.expires_at };
  await page.goto("/manager");
  const offered = {};
  for (const label of Object.keys(days)) offered[label] = await page.getByLabel(label, { exact: true }).locator("option").allTextContents();
  const past = ["At any time", "Today (UTC)", "In the last 7 days", "In the last 30 days", "In the last 90 days"];
  assert.deepEqual(offered.Created, [...past, "Between two days"]);
  assert.deepEqual(offered["Last used"], [...past, "Never used", "Between two days"]);
  assert.deepEqual(offered.Expires, ["At any time", "Within 24 hours", "Within 7 days", "Within 30 days", "Expired", "Never expires", "Between two days"]);
  for (const [label, field] of [["Created", "created"], ["Last used", "last_used"], ["Expires", "expires"]]) {
    await page.goto(`/manager?description=${encodeURIComponent(description)}`);
    await page.getByLabel(label, { exact: true }).selectOption("Between two days");
    if (!(await page.locator(`#${field}_from`).isVisible())) {
      await page.locator(`#${field}`).locator("xpath=..").getByText("Choose days").click();
    }
    await page.locator(`#${field}_from`).fill(day(days[label]));
    await page.locator(`#${field}_to`).fill(day(days[label]));
    await page.getByRole("button", { name: "Show" }).click();
    await page.waitForURL(new RegExp(`${field}_to=${day(days[label])}`));
    await page.locator("#results").getByText("1 token", { exact: true }).waitFor();
    // The day before holds it no longer.
    await page.goto(page.url().replaceAll(`=${day(days[label])}`, "=2020-01-01"));
    await page.locator("#results").getByText("No tokens", { exact: true }).waitFor();
  }
}));

test("an admin makes own tokens, too, and nobody else sees the settings", inEachWay(null, async (visitor, way) => {
  await visitor.signIn("ada");
  const { page } = visitor;
  const token = await make(page, `ada's own ${way}`);
  assert.equal((await gateAnswers(200, `Bearer ${token}`)).body.name, "ada");
  await nav(page).getByRole("link", { name: "Administration" }).click();
  await page.getByRole("heading", { name: "Settings" }).waitFor();
  for (const name of ["fred", "mona"]) {
    const other = await (await Visitor.open()).signIn(name);
    assert.equal(await other.page.getByRole("link", { name: "Administration", includeHidden: true }).count(), 0);
    assert.equal((await other.page.goto("/admin/settings")).status(), 403);
    await other.close();
  }
}));

test("the longest validity is one of four, and what is chosen there is what users choose from", async () => {
  const admin = await (await Visitor.open()).signIn("ada");
  const user = await (await Visitor.open()).signIn("fred");
  const longest = admin.page.getByLabel("Longest validity");
  await admin.page.goto("/admin/settings");
  assert.equal(await longest.locator("option").count(), 4);
  for (const [chosen, offered] of [
    ["6 months", ["6 months"]], ["2 years", ["6 months", "1 year", "2 years"]],
    [/Never|No limit|never/, ["6 months", "1 year", "2 years", "Never expires"]], ["1 year", ["6 months", "1 year"]],
  ]) {
    await admin.page.goto("/admin/settings");
    const labels = await longest.locator("option").allTextContents();
    const label = labels.find((text) => (chosen instanceof RegExp ? chosen.test(text) : text === chosen));
    assert.ok(label, `${chosen} among ${labels}`);
    await longest.selectOption(label);
    await save(admin.page);
    await user.page.goto("/tokens/new");
    assert.deepEqual(await user.page.getByLabel("Expires after").locator("option").allTextContents(), offered, label);
  }
  await admin.close();
  await user.close();
});

test("addresses are rows to add and delete, and bind tokens and passwords", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const token = (await rest("POST", "/tokens", { user: "fred", description: `restricted ${way}` })).token;
  await rest("PATCH", "/settings", { password_auth: true });
  const both = [`Bearer ${token}`, `Basic ${btoa("fred:a password")}`];
  for (const credentials of both) await gateAnswers(200, credentials);
  await page.goto("/admin/settings");
  await page.getByText("No restriction: every address.").waitFor();
  await page.getByRole("link", { name: "Why was I refused?" }).last().waitFor();
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByLabel("Address or range 1").fill("192.0.2.0/24");
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByLabel("Address or range 2").fill("198.51.100.1-198.51.100.9");
  await save(page);
  for (const credentials of both) assert.equal((await gateAnswers(403, credentials)).body.code, "ip_not_allowed");
  // What is saved is there again, a row each; one that is right lets people in again.
  const kept = await page.locator("input[name=allowed_ips]").evaluateAll((all) => all.map((row) => row.value));
  assert.equal(kept[0], "192.0.2.0/24");
  assert.ok(kept.length > 1, `${kept}: a range is kept as what covers it`);
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByLabel(`Address or range ${kept.length + 1}`).fill("127.0.0.1");
  await save(page);
  for (const credentials of both) await gateAnswers(200, credentials);
  while ((await page.locator("input[name=allowed_ips]").count()) > 0) {
    await page.getByRole("button", { name: /^Remove / }).first().click();
    await page.waitForLoadState("load");
  }
  await save(page);
  assert.deepEqual((await rest("GET", "/settings")).allowed_ips, []);
  for (const credentials of both) await gateAnswers(200, credentials);
  await rest("PATCH", "/settings", { password_auth: false });
}));

test("when only admins create, admins do, for themselves and for others, and those tokens are used as is allowed", async () => {
  const visitor = await (await Visitor.open()).signIn("ada");
  const { page } = visitor;
  const before = (await rest("POST", "/tokens", { user: "fred", description: "made before" })).token;
  await page.goto("/admin/settings");
  await page.getByLabel("Only administrators create tokens").check();
  await save(page);
  try {
    const own = await make(page, "ada's, of them alone");
    const freds = await make(page, "fred's, made by ada", { form: "/manager/new", user: "fred" });
    for (const token of [own, freds, before]) await gateAnswers(200, `Bearer ${token}`);
    await page.goto("/admin/settings");
    await page.getByLabel("Users may use tokens").uncheck();
    await page.locator("#consequences").getByText(/fred/).first().waitFor();
    await save(page);
    for (const token of [freds, before]) assert.equal((await gateAnswers(403, `Bearer ${token}`)).body.code, "use_not_allowed");
    assert.equal((await atGate(`Bearer ${own}`)).status, 200);
    await page.getByLabel("Users may use tokens").check();
    await save(page);
    for (const token of [own, freds, before]) await gateAnswers(200, `Bearer ${token}`);
  } finally {
    await rest("PATCH", "/settings", { only_admins_create_tokens: false, users_may_use_tokens: true });
  }
  await visitor.close();
});

test("failed sign-ins are counted on the user's page, and reset there", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const name = `forgetful ${way}`;
  await person(name);
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ user: name, password: "wrong password" });
  for (const expected of [401, 401]) {
    assert.equal((await fetch(`${control}/api/v1/session`, { method: "POST", headers, body })).status, expected);
  }
  await page.goto(`/admin/users/${encodeURIComponent(name)}`);
  const failed = page.locator("dt", { hasText: "Failed sign-ins" }).locator("+ dd");
  assert.equal(await failed.textContent(), "2");
  await page.getByRole("button", { name: "Reset failed sign-ins" }).click();
  await page.getByText("The count of failed sign-ins is 0 again.").waitFor();
  assert.equal(await failed.textContent(), "0");
}));

test("what is done to tokens is in the audit log, with who did it to whom", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const name = `audited ${way}`;
  await person(name);
  await make(page, "first of them", { form: "/manager/new", user: name });
  for (const description of ["second", "third"]) await rest("POST", "/tokens", { user: name, description });
  await page.goto(`/manager?user=${encodeURIComponent(name)}`);
  await page.getByRole("link", { name: `Delete first of them of ${name}` }).click();
  await page.getByRole("button", { name: "Delete the token" }).click();
  await page.goto(`/manager/delete-all?user=${encodeURIComponent(name)}`);
  await page.getByRole("button", { name: "Delete 2 API tokens" }).click();
  await page.getByText("2 tokens are deleted.").waitFor();
  await page.goto(`/admin/audit?target=${encodeURIComponent(`user:${name}`)}`);
  const entries = page.locator("#results tbody tr");
  const of = (action) => entries.filter({ has: page.locator("td[data-label=What]", { hasText: action }) });
  assert.equal(await of("token.created").count(), 3);
  assert.equal(await of("token.revoked").count(), 3, "one for each, also of all at once");
  for (const entry of await of("token.revoked").all()) assert.match(await entry.locator("td[data-label=Who]").textContent(), /^ada/);
  await visitor.check(`audit-of-a-user-${way}`);
}));
