// The token manager: finding everyone's tokens, making one for somebody else, ending them one by one, several or all.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, atGate, control, gateAnswers, inEachWay, person, rest, weight } from "./support.mjs";

const people = { ann: ["Reports", "nightly backup", "NIGHTLY report"], bob: ["deploy", "nightly build"], "o'neil & söhne": ["=cmd|' /C calc'!A0"] };
const made = {};

before(async () => {
  await person("mary", "token_manager");
  await person("plain");
  for (const [name, descriptions] of Object.entries(people)) {
    await person(name);
    for (const description of descriptions) {
      made[description] = await rest("POST", "/tokens", { user: name, description, valid_for: description === "deploy" ? "P6M" : "P1Y" });
    }
  }
  await rest("PATCH", `/tokens/${made.Reports.id}`, { enabled: false });
});

const rows = (page) => page.locator("#results tbody tr");
async function shown(page) {
  return (await page.locator("#results tbody th a").allTextContents()).sort();
}

test("who has no business here is told so, on every page of it", async () => {
  const visitor = await (await Visitor.open()).signIn("plain");
  const { page } = visitor;
  assert.equal(await page.getByRole("link", { name: "Token manager", includeHidden: true }).count(), 0);
  for (const path of ["/manager", "/manager/new", "/manager/names?user=a", "/manager/delete-all?user=ann", "/manager/export.csv", `/tokens/${made.deploy.id}`]) {
    const reply = await page.goto(path);
    assert.equal(reply.status(), path.startsWith("/tokens") ? 404 : 403, path);
    await page.getByRole("heading", { level: 1 }).waitFor();
  }
  await visitor.close();
});

test("tokens are found by several users, text, times and state, and the address says by what", inEachWay("mary", async (visitor, way) => {
  const { page } = visitor;
  await page.getByRole("navigation").getByRole("link", { name: "Token manager" }).click();
  await page.getByRole("heading", { name: "Token manager" }).waitFor();
  assert.equal(await page.getByText("managing of the first admin").count(), 0);
  await visitor.check(`manager-${way}`);
  const show = () => page.getByRole("button", { name: "Show" }).click();
  // Any case.
  await page.getByLabel("Description").fill("nightly");
  await show();
  await page.waitForURL(/description=nightly/);
  await page.locator("#results").getByText("3 tokens", { exact: true }).waitFor();
  assert.deepEqual(await shown(page), ["NIGHTLY report", "nightly backup", "nightly build"]);
  // One user, then another one as well; offered as they are typed.
  await page.getByLabel("Users", { exact: true }).fill("an");
  if (visitor.hasScript) {
    await page.locator("#names option[value=ann]").waitFor({ state: "attached" });
  }
  await page.getByLabel("Users", { exact: true }).fill("ann");
  await show();
  await page.getByRole("checkbox", { name: "ann", exact: true }).waitFor();
  await page.locator("#results").getByText("2 tokens", { exact: true }).waitFor();
  await page.getByLabel("Users", { exact: true }).fill("bob");
  await show();
  await page.getByRole("checkbox", { name: "bob", exact: true }).waitFor();
  await page.locator("#results").getByText("3 tokens", { exact: true }).waitFor();
  await visitor.check(`manager-filtered-${way}`);
  const address = new URL(page.url());
  assert.deepEqual([address.searchParams.getAll("user").filter(Boolean).sort(), address.searchParams.get("description")], [["ann", "bob"], "nightly"]);
  // The address is the filter: somebody else sees the same.
  await page.goto(page.url());
  await page.locator("#results").getByText("3 tokens", { exact: true }).waitFor();
  assert.equal(await page.getByLabel("Description").inputValue(), "nightly");
  await page.getByRole("checkbox", { name: "ann", exact: true }).uncheck();
  await show();
  await page.locator("#results").getByText("1 token", { exact: true }).waitFor();
  assert.deepEqual(await shown(page), ["nightly build"]);
  // By state and by presets.
  await page.getByRole("link", { name: "Clear" }).click();
  await page.getByRole("checkbox", { name: "Disabled", exact: true }).check();
  await show();
  await page.waitForURL(/state=disabled/);
  await page.locator("#results").getByText("1 token", { exact: true }).waitFor();
  assert.deepEqual(await shown(page), ["Reports"]);
  await page.goto("/manager");
  for (const [label, option, none] of [["Created", "Today (UTC)", false], ["Last used", "Never used", false], ["Expires", "Within 30 days", true]]) {
    await page.goto("/manager?user=bob");
    await page.getByLabel(label, { exact: true }).selectOption(option);
    await show();
    await page.locator("#results").getByText(none ? "No tokens" : "2 tokens", { exact: true }).waitFor();
  }
  await page.getByText("No token is like that.").waitFor();
  await visitor.check(`manager-empty-${way}`);
  // A range of one's own: from the day on which both end, or not.
  const day = made.deploy.expires_at.slice(0, 10);
  await page.goto(`/manager?user=bob&expires=range&expires_from=${day}&expires_to=${day}`);
  assert.deepEqual(await shown(page), ["deploy"]);
  await page.goto(`/manager?user=bob&expires=range&expires_from=${day}&expires_to=2026-01-01`);
  await page.locator("#expires-error").waitFor();
  assert.equal(await page.getByLabel("Until the end of (UTC)").nth(2).inputValue(), "2026-01-01");
  await page.goto("/manager?user=nobody-of-this-name");
  await page.locator("#user-error").waitFor();
  await visitor.check(`manager-wrong-${way}`);
}));

test("columns put the list in order", async () => {
  const visitor = await (await Visitor.open({ javaScriptEnabled: false })).signIn("mary");
  const { page } = visitor;
  await page.goto("/manager?user=ann");
  await page.getByRole("columnheader", { name: "Description" }).getByRole("link").click();
  const names = await page.locator("#results tbody th a").allTextContents();
  assert.deepEqual(names, ["nightly backup", "NIGHTLY report", "Reports"]);
  assert.equal(await page.getByRole("columnheader", { name: "Description" }).getAttribute("aria-sort"), "ascending");
  await page.getByRole("columnheader", { name: "Description" }).getByRole("link").click();
  assert.deepEqual(await page.locator("#results tbody th a").allTextContents(), names.reverse());
  await visitor.close();
});

test("a token for somebody else is made here, and opens the gate as theirs", inEachWay("mary", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/manager");
  await page.getByRole("link", { name: "New API token" }).click();
  await page.getByRole("button", { name: "New API token" }).click();
  await page.locator("#user-error").waitFor();
  await page.getByLabel("For whom?").fill("nobody");
  await page.getByLabel("Description").fill(`for bob ${way}`);
  await page.getByRole("button", { name: "New API token" }).click();
  await page.locator("#user-error").getByText("no user of exactly this name").waitFor();
  assert.equal(await page.getByLabel("Description").inputValue(), `for bob ${way}`);
  await visitor.check(`manager-new-${way}`);
  await page.getByLabel("For whom?").fill("bob");
  await page.getByLabel("Expires after").selectOption("6 months");
  await page.getByRole("button", { name: "New API token" }).click();
  await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
  const token = await page.locator("#secret").textContent();
  assert.match(await page.locator("#basic").textContent(), new RegExp(`^curl -u 'bob:${token}'`));
  const reply = await gateAnswers(200, `Basic ${btoa(`bob:${token}`)}`);
  assert.equal(reply.body.name, "bob");
  await visitor.check();
  // And it is revoked as one's own would be.
  await page.goto(`/manager?user=bob&description=${encodeURIComponent(`for bob ${way}`)}`);
  await page.getByRole("link", { name: `Delete for bob ${way} of bob` }).click();
  await page.getByText("This is a token of bob").waitFor();
  await page.getByRole("button", { name: "Delete the token" }).click();
  await page.getByText("The token is deleted.").waitFor();
  assert.match(page.url(), /\/manager\?user=bob&description=/, "back in the list that was left");
  await gateAnswers(403, `Bearer ${token}`);
}));

test("nobody makes a token for an admin but admins", async () => {
  const visitor = await (await Visitor.open()).signIn("mary");
  const { page } = visitor;
  await page.goto("/manager/new?user=admin");
  await page.getByLabel("Description").fill("x");
  await page.getByRole("button", { name: "New API token" }).click();
  await page.getByText("Only admins may act on the tokens of admins").waitFor();
  await page.goto("/manager?user=admin");
  await page.getByText("Only admins may act on the tokens of admins").waitFor();
  assert.equal(await rows(page).count(), 0);
  await visitor.close();
});

test("several are done to at once, told how many before and after", inEachWay("admin", async (visitor, way) => {
  const { page } = visitor;
  const all = [];
  for (const number of [1, 2, 3]) {
    all.push(await rest("POST", "/tokens", { user: "bob", description: `bulk ${way} ${number}` }));
  }
  await gateAnswers(200, `Bearer ${all[2].token}`);
  await page.goto(`/manager?description=bulk+${way}`);
  const act = async (name) => {
    for (const number of [1, 2]) await page.getByLabel(`Select bulk ${way} ${number} of bob`).check();
    if (visitor.hasScript) await page.getByText("2 tokens selected").waitFor();
    await page.getByRole("button", { name: `${name}…` }).click();
    await page.getByRole("heading", { name: `${name} 2 API tokens?` }).waitFor();
    assert.equal(await page.locator("tbody tr").count(), 2);
    await visitor.check(`manager-${name.toLowerCase()}-${way}`);
    await page.getByRole("button", { name: `${name} 2 API tokens` }).click();
  };
  if (visitor.hasScript) assert.ok(await page.getByRole("button", { name: "Delete…" }).isDisabled());
  await act("Disable");
  await page.getByText("2 tokens are disabled.").waitFor();
  await gateAnswers(403, `Bearer ${all[0].token}`);
  await act("Enable");
  await page.getByText("2 tokens are enabled.").waitFor();
  await gateAnswers(200, `Bearer ${all[0].token}`);
  await act("Delete");
  await page.getByText("2 tokens are deleted.").waitFor();
  for (const gone of [0, 1]) await gateAnswers(403, `Bearer ${all[gone].token}`);
  assert.equal((await atGate(`Bearer ${all[2].token}`)).status, 200, "the third was not meant");
}));

test("all of a user are deleted, after all were shown", inEachWay("mary", async (visitor, way) => {
  const { page } = visitor;
  const name = `leaver ${way}`;
  await person(name);
  const all = [];
  for (const number of [1, 2]) all.push(await rest("POST", "/tokens", { user: name, description: `of a leaver ${number}` }));
  await gateAnswers(200, `Bearer ${all[1].token}`);
  await page.goto(`/manager?user=${encodeURIComponent(name)}`);
  await page.getByRole("link", { name: `Delete all tokens of ${name}` }).click();
  assert.equal(await page.locator("tbody tr").count(), 2);
  await visitor.check(`manager-delete-all-${way}`);
  await page.getByRole("button", { name: "Delete 2 API tokens" }).click();
  await page.getByText("2 tokens are deleted.").waitFor();
  for (const gone of all) await gateAnswers(403, `Bearer ${gone.token}`);
  const audit = await rest("GET", `/audit?target=${encodeURIComponent(`user:${name}`)}&action=token.revoked`);
  assert.deepEqual(audit.items.map((entry) => entry.actor), ["mary", "mary"], "an entry each");
  await page.goto(`/manager/delete-all?user=${encodeURIComponent(name)}`);
  await page.getByText("has no token that works").waitFor();
}));

test("the list as a file runs nothing in a spreadsheet, and holds no secret", async () => {
  const visitor = await (await Visitor.open()).signIn("mary");
  const { page } = visitor;
  await page.goto(`/manager?user=${encodeURIComponent("o'neil & söhne")}`);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export as CSV" }).click(),
  ]);
  assert.equal(download.suggestedFilename(), "gatepass-tokens.csv");
  const { readFile } = await import("node:fs/promises");
  const text = await readFile(await download.path(), "utf8");
  const lines = text.trimEnd().split("\r\n");
  assert.equal(lines.length, 2);
  assert.ok(lines[1].includes(`"o'neil & söhne","'=cmd|' /C calc'!A0","active"`), lines[1]);
  assert.ok(!text.includes("gp_"), text);
  await visitor.close();
});

test("many tokens are shown page by page", async () => {
  await person("many");
  const wishes = Array.from({ length: 60 }, (_, number) => ({ user: "many", description: `number ${number}` }));
  for (const wish of wishes) await rest("POST", "/tokens", wish);
  const visitor = await (await Visitor.open()).signIn("mary");
  const { page } = visitor;
  await page.goto("/manager?user=many");
  await page.locator("#results").getByText("more than 50 tokens", { exact: true }).waitFor();
  await page.getByRole("link", { name: "Next page" }).click();
  await page.locator("#results").getByText("10 more tokens", { exact: true }).waitFor();
  assert.equal(await rows(page).count(), 10);
  await page.getByRole("link", { name: "First page" }).click();
  await page.locator("#results").getByText("more than 50 tokens", { exact: true }).waitFor();
  const fresh = await Visitor.open({ storageState: await visitor.context.storageState() });
  const bytes = await weight(fresh, "/manager?user=many");
  console.log(`/manager with 50 tokens: ${bytes} bytes, compressed`);
  assert.ok(bytes < 100_000, `${bytes}`);
  await fresh.close();
  await visitor.close();
});
