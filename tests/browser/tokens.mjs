// My API tokens: made, copied, used at the gate, disabled, rotated, deleted; and what is told who may not make any.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, atGate, control, gateAnswers, hostile, inEachWay, person, rest, weight } from "./support.mjs";

before(async () => {
  await person("fred");
  await person("hostess <b>");
  await person("barred");
});

async function make(page, description, choose = async () => {}) {
  await page.goto("/tokens");
  await page.getByRole("link", { name: "New API token" }).first().click();
  await page.getByLabel("Description").fill(description);
  await choose();
  await page.getByRole("button", { name: "New API token" }).click();
  await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
  return page.locator("#secret").textContent();
}

test("a token that is made here opens the gate, by Bearer and as a password, until it is deleted", inEachWay("fred", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/tokens");
  await visitor.check(`tokens-empty-${way}`);
  await page.goto("/tokens/new");
  await visitor.check(`token-new-${way}`);
  const description = `nightly backup ${way}`;
  const token = await make(page, description);
  assert.match(token, /^gp_[0-9A-Za-z]{38}$/);
  assert.equal(page.url(), `${control}/tokens/new`, "the secret is in no address");
  await visitor.check(`token-created-${way}`);
  await gateAnswers(200, `Bearer ${token}`);
  const asPassword = await atGate(`Basic ${btoa(`fred:${token}`)}`);
  assert.deepEqual([asPassword.status, asPassword.body.name], [200, "fred"]);
  // The commands are whole: they name the gate, and hold the token.
  const [bearer, basic] = [await page.locator("#bearer").textContent(), await page.locator("#basic").textContent()];
  assert.match(bearer, new RegExp(`^curl -H 'Authorization: Bearer ${token}' 'http.*/rest/[^']*'$`));
  assert.match(basic, new RegExp(`^curl -u 'fred:${token}' 'http.*/rest/[^']*'$`));
  await page.goto("/tokens");
  assert.ok(!(await page.content()).includes(token), "it is shown once");
  await visitor.check(`tokens-${way}`);
  await page.getByRole("link", { name: description, exact: true }).click();
  await page.getByRole("heading", { name: description }).waitFor();
  await visitor.check(`token-${way}`);

  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByText("The token is disabled.").waitFor();
  const disabled = await gateAnswers(403, `Bearer ${token}`);
  assert.equal(disabled.body.code, "token_disabled");
  await page.getByRole("button", { name: "Enable" }).click();
  await page.getByText("The token is enabled.").waitFor();
  await gateAnswers(200, `Bearer ${token}`);

  await page.getByRole("link", { name: "Rotate" }).click();
  await page.getByLabel("How long does the old secret").selectOption("For one more day");
  await visitor.check(`token-rotate-${way}`);
  await page.getByRole("button", { name: "Rotate the token" }).click();
  await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
  const successor = await page.locator("#secret").textContent();
  assert.notEqual(successor, token);
  await gateAnswers(200, `Bearer ${successor}`);
  assert.equal((await atGate(`Bearer ${token}`)).status, 200, "the old one has its grace");

  // The confirmation shows all of the token's details; keeping it changes nothing.
  await page.goto("/tokens");
  const remove = page.getByRole("row", { name: description }).first().getByRole("link", { name: "Delete" });
  await remove.click();
  await page.getByRole("heading", { name: "Delete this API token?" }).waitFor();
  for (const [name, value] of [["Description", description], ["User", "fred"], ["Scope", "Everything that fred may do"],
    ["IP addresses", "Every address"], ["Manages tokens", "No"]]) {
    const fact = page.locator("dt", { hasText: new RegExp(`^${name}$`) }).locator("+ dd");
    assert.match(await fact.textContent(), new RegExp(value), name);
  }
  for (const name of ["State", "Created", "Expires", "Last used", "Ends with", "Id"]) {
    await page.locator("dt", { hasText: new RegExp(`^${name}$`) }).waitFor();
  }
  await visitor.check(`token-delete-${way}`);
  await page.getByRole("link", { name: "Keep it" }).click();
  assert.equal((await atGate(`Bearer ${successor}`)).status, 200);
  await remove.click();
  await page.getByRole("button", { name: "Delete the token" }).click();
  await page.getByText("The token is deleted.").waitFor();
  // Both of the chain: whoever had the old secret may have made the new one.
  for (const gone of [token, successor]) {
    assert.equal((await gateAnswers(403, `Bearer ${gone}`)).body.code, "credentials_unknown");
  }
}));

test("a second click, and loading the reply again, make no second token and show no secret", async () => {
  const visitor = await (await Visitor.open({ javaScriptEnabled: false })).signIn("fred");
  const { page } = visitor;
  const token = await make(page, "only once");
  await page.reload();
  await page.getByRole("heading", { name: "This form was sent before" }).waitFor();
  assert.ok(!(await page.content()).includes(token));
  await page.goto("/tokens");
  assert.equal(await page.getByRole("link", { name: "only once", exact: true }).count(), 1);
  await visitor.close();
});

test("what is wrong is told beside its field, and what was typed is kept", inEachWay("fred", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/tokens/new");
  await page.getByText("Restrict it further").click();
  await page.getByLabel("Description").fill("kept as typed");
  await page.getByLabel("IP addresses that may use it").fill("10.0.0.0/8\n10.0.0.x");
  await page.getByRole("button", { name: "New API token" }).click();
  const field = page.getByLabel("IP addresses that may use it");
  await page.locator("[aria-invalid=true]").waitFor();
  assert.equal(await field.getAttribute("aria-describedby"), "ips-help ips-error");
  assert.match(await page.locator("#ips-error").textContent(), /10\.0\.0\.x is not an IP address/);
  assert.equal(await page.getByLabel("Description").inputValue(), "kept as typed");
  assert.equal(await field.inputValue(), "10.0.0.0/8\n10.0.0.x");
  await visitor.check(`token-new-wrong-${way}`);
  await page.getByLabel("Description").fill("");
  await field.fill("");
  await page.getByRole("button", { name: "New API token" }).click();
  await page.locator("#description-error").waitFor();
}));

test("the select list holds what the administrator allows, and nothing else", async () => {
  const visitor = await (await Visitor.open()).signIn("fred");
  const { page } = visitor;
  for (const [bound, offered] of [
    ["P6M", ["6 months"]],
    ["P1Y", ["6 months", "1 year"]],
    ["P2Y", ["6 months", "1 year", "2 years"]],
    ["never", ["6 months", "1 year", "2 years", "Never expires"]],
  ]) {
    await rest("PATCH", "/settings", { max_validity: bound });
    await page.goto("/tokens/new");
    assert.deepEqual(await page.getByLabel("Expires after").locator("option").allTextContents(), offered, bound);
  }
  // A form that is still open when the bound shrinks is told so.
  await page.getByLabel("Description").fill("too long");
  await page.getByLabel("Expires after").selectOption("Never expires");
  await rest("PATCH", "/settings", { max_validity: "P1Y" });
  await page.getByRole("button", { name: "New API token" }).click();
  assert.match(await page.locator("#validity-error").textContent(), /longer than max_validity/);
  await rest("PATCH", "/settings", { custom_validity: true });
  await make(page, "thirty days", async () => {
    await page.getByLabel("Expires after").selectOption("A number of days");
    await page.getByLabel("Number of days").fill("30");
  });
  await rest("PATCH", "/settings", { custom_validity: false });
  await page.goto("/tokens");
  await page.getByRole("row", { name: "thirty days" }).getByText("in 30 days").waitFor();
  await visitor.close();
});

test("when only admins create, the menu's entry is gone, the page explains, and an open form answers 403", inEachWay("barred", async (visitor, way) => {
  const { page } = visitor;
  const entries = page.locator("header").getByRole("link", { name: "My API tokens", includeHidden: true });
  await page.goto("/tokens/new");
  assert.equal(await entries.count(), 2);
  await page.getByLabel("Description").fill("still open");
  await rest("PATCH", "/settings", { only_admins_create_tokens: true });
  try {
    const [reply] = await Promise.all([
      page.waitForResponse((response) => response.request().method() === "POST"),
      page.getByRole("button", { name: "New API token" }).click(),
    ]);
    assert.equal(reply.status(), 403);
    await page.getByText("Only admins may create tokens").waitFor();
    await visitor.check(`creation-refused-${way}`);
    for (const path of ["/tokens", "/tokens/new"]) {
      await page.goto(path);
      await page.getByText("Only administrators may create API tokens.").waitFor();
      assert.equal(await entries.count(), 0, path);
      assert.equal(await page.getByRole("link", { name: "New API token" }).count(), 0, path);
      await visitor.check(`creation-barred${path.replaceAll("/", "-")}-${way}`);
    }
  } finally {
    await rest("PATCH", "/settings", { only_admins_create_tokens: false });
  }
  await page.goto("/tokens");
  assert.equal(await entries.count(), 2);
}));

test("what people write is text, wherever it is shown", async () => {
  const visitor = await (await Visitor.open()).signIn("hostess <b>");
  const { page } = visitor;
  for (const text of hostile) {
    const token = await make(page, text);
    await visitor.check();
    await gateAnswers(200, `Bearer ${token}`);
    // What the client says of itself is shown as well.
    await fetch(process.env.GATEPASS_GATE + "/rest/api/2/myself", {
      headers: { authorization: `Bearer ${token}`, "user-agent": text.replace(/[^\x20-\x7e]/g, "?") },
    });
    await page.goto("/tokens");
    await page.getByRole("link", { name: text, exact: true }).click();
    assert.equal(await page.locator("h1").textContent(), text);
    await visitor.check();
    await page.getByRole("link", { name: "Delete" }).click();
    await visitor.check();
  }
  await page.goto("/tokens");
  await visitor.check();
  assert.equal(await page.locator("main img, main svg, main script, main [onfocus], main [hx-get]").count(), 0);
  await visitor.close();
});

test("all is done by keyboard, and the button copies", async () => {
  const visitor = await (await Visitor.open({ permissions: ["clipboard-read", "clipboard-write"] })).signIn("fred");
  const { page } = visitor;
  await page.goto("/tokens/new");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.textContent), "Skip to the content");
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "description");
  await page.keyboard.type("by keyboard");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Copy your new API token" }).waitFor();
  const copy = page.getByRole("button", { name: "Copy the token" });
  await copy.focus();
  await page.keyboard.press("Enter");
  await page.getByRole("status").getByText("Copied to the clipboard").waitFor({ state: "attached" });
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await page.locator("#secret").textContent());
  const stored = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
  assert.ok(!stored.includes("gp_"), stored);
  await visitor.close();
});

test("times are the reader's, with the exact one on hover", async () => {
  const visitor = await (await Visitor.open()).signIn("fred");
  const { page } = visitor;
  await make(page, "times");
  const created = page.locator("dt", { hasText: "Created" }).locator("+ dd time");
  const exact = await created.getAttribute("datetime");
  assert.equal(await created.getAttribute("title"), exact.replace("T", " ").replace("Z", " UTC"));
  const berlin = new Intl.DateTimeFormat("en-GB", { timeZone: "Europe/Berlin", timeStyle: "short" }).format(new Date(exact));
  assert.match(await created.textContent(), new RegExp(berlin));
  await visitor.close();
});

test("no page is heavier than 100 KB", async () => {
  for (const path of ["/tokens", "/tokens/new"]) {
    const visitor = await (await Visitor.open()).signIn("fred");
    const bytes = await weight(await Visitor.open({ storageState: await visitor.context.storageState() }), path);
    console.log(`${path}: ${bytes} bytes, compressed`);
    assert.ok(bytes > 10_000 && bytes < 100_000, `${path}: ${bytes}`);
    await visitor.close();
  }
});
