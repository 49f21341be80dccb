// Overview and administration: what an admin looks at and changes, what a token manager sees of it, and what others are told.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, control, gateAnswers, inEachWay, person, rest, weight } from "./support.mjs";

// As text it harms nobody; as markup it would say so.
const hostile = "\"><img src=x onerror=alert(1)><script>alert(2)</script>' onfocus=alert(3) x='";
let token;

before(async () => {
  await person("fred");
  await person("mona", "token_manager");
  await person("ada", "admin");
  await rest("PATCH", "/users/fred", { display_name: hostile });
  const wish = { user: "fred", description: hostile, valid_for: "P1Y", allowed_ips: ["192.0.2.0/24"] };
  token = await rest("POST", "/tokens", wish);
  // Requests of both kinds, of which the proxy will tell.
  await gateAnswers(401, null);
  await gateAnswers(403, `Bearer ${token.token}`);
  const open = await rest("POST", "/tokens", { user: "fred", description: "open" });
  await gateAnswers(200, `Bearer ${open.token}`);
});

const pages = [
  ["/overview", "Overview", "overview"],
  ["/explain", "Why was I refused?", "explain"],
  ["/admin/settings", "Settings", "settings"],
  ["/admin/users", "Users", "users"],
  ["/admin/new-user", "New user", "user-new"],
  ["/admin/users/fred", "fred", "user"],
  ["/admin/audit", "Audit log", "audit"],
  ["/admin/fleet", "Proxies", "fleet"],
];

/** Loads a page again and again until it shows a text: what a proxy tells comes within seconds. */
async function untilShown(page, path, text) {
  for (;;) {
    await page.goto(path);
    if ((await page.getByText(text).count()) > 0) return;
    await new Promise((resume) => setTimeout(resume, 200));
  }
}

test("an admin walks every page", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  await untilShown(page, "/overview?requests=last_hour", "refuse.ip_not_allowed");
  for (const [path, heading, picture] of pages) {
    await page.goto(path === "/overview" ? "/overview?requests=last_hour" : path);
    await page.getByRole("heading", { name: heading, level: 1 }).waitFor();
    await visitor.check(`${picture}-${way}`);
  }
  await page.goto("/admin/fleet");
  await page.getByText(/The newest change is live on \d+ of \d+ workers\./).waitFor();
  // The weight is the same in each way.
  for (const [path] of way === "light" ? pages : []) {
    const bytes = await weight(visitor, path);
    assert.ok(bytes < 100 * 1024, `${path} has ${bytes} bytes`);
  }
}));

test("token managers see the tokens' part of the overview, and others are told whose these pages are", async () => {
  for (const [name, overview] of [["fred", 403], ["mona", 200]]) {
    for (const javaScriptEnabled of [true, false]) {
      const visitor = await Visitor.open({ javaScriptEnabled });
      await visitor.signIn(name);
      for (const [path] of pages) {
        const expected = path === "/explain" ? 200 : path === "/overview" ? overview : 403;
        const reply = await visitor.page.goto(path);
        assert.equal(reply.status(), expected, `${name} ${path}`);
        if (expected === 403) await visitor.page.getByText(/Only (admins may|token managers and admins)/).waitFor();
        await visitor.check();
      }
      assert.equal(await visitor.page.goto("/overview").then((reply) => reply.status()), overview);
      assert.equal(await visitor.page.getByText("let through").count(), 0, "requests are for admins");
      await visitor.close();
    }
  }
});

test("what a change of settings would do is said before it is saved", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const before = await rest("GET", "/settings");
  await page.goto("/admin/settings");
  const told = page.locator("#consequences");
  await page.getByRole("button", { name: "Add a row" }).click();
  await page.getByLabel("Address or range 1").fill("10.99.0.0/16");
  await page.getByLabel("Longest validity").selectOption("6 months");
  await page.getByLabel("Apply it to tokens that there are").check();
  // With a script it is said at once, without one behind a button.
  if (!visitor.hasScript) await told.getByRole("button", { name: "Show what would change" }).click();
  await told.getByText(/Your own address 127\.0\.0\.1 would be refused at the gate/).waitFor();
  await told.getByText(/Shortens the life of \d+ tokens? of 1 user\./).waitFor();
  await visitor.check(`settings-consequences-${way}`);
  assert.deepEqual(await rest("GET", "/settings"), before, "nothing is saved yet");

  // An entry that is none is told beside the list, and stays as it was typed.
  await page.getByLabel("Address or range 1").fill("10.99.0.x");
  await page.getByRole("button", { name: "Save the settings" }).click();
  await page.locator("#allowed_ips-error").getByText("Entry 1").waitFor();
  assert.equal(await page.getByLabel("Address or range 1").inputValue(), "10.99.0.x");
  await visitor.check(`settings-wrong-${way}`);
  await page.getByRole("button", { name: "Remove 10.99.0.x" }).click();
  await page.getByText("No restriction: every address.").waitFor();
}));

test("settings are saved, and bind the gate", inEachWay("ada", async (visitor) => {
  const { page } = visitor;
  await page.goto("/admin/settings");
  const passwords = page.getByLabel("Passwords", { exact: true });
  await passwords.check();
  await page.getByRole("button", { name: "Save the settings" }).click();
  await page.getByText("The settings are saved.").waitFor();
  await gateAnswers(200, `Basic ${btoa("fred:whatever")}`);
  await passwords.uncheck();
  await page.getByRole("button", { name: "Save the settings" }).click();
  await page.getByText("The settings are saved.").waitFor();
  await gateAnswers(403, `Basic ${btoa("fred:whatever")}`);
}));

test("who was slower sees what has changed, and nothing is lost", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/admin/settings");
  const most = 50 + way.length;
  await rest("PATCH", "/settings", { max_tokens_per_user: most });
  await page.getByLabel("Any number of days, or a date").check();
  await page.getByRole("button", { name: "Save the settings" }).click();
  await page.getByRole("alert").getByText("Somebody has changed the settings").waitFor();
  await page.getByRole("alert").getByText(new RegExp(`max_tokens_per_user.*${most}`)).first().waitFor();
  await visitor.check(`settings-stale-${way}`);
  assert.equal((await rest("GET", "/settings")).custom_validity, false, "nothing of it was saved");
  assert.equal(await page.getByLabel("Any number of days, or a date").isChecked(), true, "what was typed stays");
  await rest("PATCH", "/settings", { max_tokens_per_user: 100 });
}));

test("a user is created, signs in, becomes something else, and is deactivated", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  const name = `wilma ${way} /?&#`;
  await page.goto("/admin/users");
  await page.getByRole("link", { name: "New user" }).click();
  await page.getByLabel("User name").fill("fred");
  await page.getByRole("button", { name: "Create the user" }).click();
  await page.getByRole("alert").getByText("names are not used twice").waitFor();
  await visitor.check(`user-taken-${way}`);
  await page.getByLabel("User name").fill(name);
  await page.getByLabel("Full name").fill(hostile);
  await page.getByRole("button", { name: "Create the user" }).click();
  await page.getByText("The user is created.").waitFor();
  await page.getByLabel("New password").fill("short");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.locator("#password-error").waitFor();
  await page.getByLabel("New password").fill("correct horse battery");
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The new password holds.").waitFor();
  const other = await Visitor.open();
  await other.signIn(name, "correct horse battery");
  await page.getByLabel("Role").selectOption("Token manager");
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  await other.page.goto("/overview");
  await other.page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByLabel("Active", { exact: true }).uncheck();
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText("Saved.").waitFor();
  await other.page.goto("/tokens");
  assert.match(other.page.url(), /sign-in/, "whoever is deactivated is signed out");
  await other.close();
  await page.goto("/admin/users");
  await page.getByLabel("Name or mail address").fill(name);
  await page.getByRole("button", { name: "Show", exact: true }).click();
  const row = page.getByRole("row", { name });
  await row.getByText("Deactivated").waitFor();
  await visitor.check(`users-found-${way}`);
}));

test("the audit log is filtered, opened, exported and checked", inEachWay("ada", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/admin/audit");
  await page.getByLabel("To what").fill("user:fred");
  await page.getByLabel("What was done").selectOption("token.created");
  await page.getByRole("button", { name: "Show", exact: true }).click();
  assert.match(page.url(), /target=user%3Afred/, "the filter is in the address");
  await page.getByText("Before and after").first().click();
  await page.locator("details[open] pre").first().waitFor();
  await visitor.check(`audit-filtered-${way}`);
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("link", { name: "Export as CSV" }).click(),
  ]);
  assert.match(download.suggestedFilename(), /\.csv$/);
  await page.getByRole("button", { name: "Check every entry" }).click();
  await page.getByText(/All \d+ entries follow each other and are unchanged/).waitFor();
  await visitor.check(`audit-checked-${way}`);
}));

test("a refusal is explained by whoever it concerns", inEachWay("fred", async (visitor, way) => {
  const { page } = visitor;
  await page.goto("/explain");
  await page.getByLabel("or one token, by its id").fill(token.id);
  await page.getByLabel("Path").fill("/rest/api/2/myself");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByText("Refused: 403").waitFor();
  await page.getByText(/may be used from 192\.0\.2\.0\/24 only/).waitFor();
  await visitor.check(`explain-token-${way}`);
  assert.equal(page.url().split("#")[0], `${control}/explain`, "what was asked is in no address");
  // It is what the gate does.
  const refused = await gateAnswers(403, `Bearer ${token.token}`);
  assert.equal(refused.body.code, "ip_not_allowed");
  // A token itself is not taken, and not shown again.
  await page.getByLabel("or one token, by its id").fill(token.token);
  await page.getByRole("button", { name: "Explain" }).click();
  await page.locator("#token-error").getByText("Must not hold a token").waitFor();
  assert.ok(!(await page.content()).includes(token.token));
  await visitor.check(`explain-secret-${way}`);
  await page.getByLabel("or one token, by its id").fill("");
  await page.getByRole("button", { name: "Explain" }).click();
  await page.getByRole("heading", { name: "No credentials at all" }).waitFor();
  await visitor.check(`explain-user-${way}`);
}));
