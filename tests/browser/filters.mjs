// Filters that renew their list while somebody changes them: the address follows, back is back, and nothing that was typed or
// chosen is lost.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { Visitor, control, person, rest } from "./support.mjs";

const people = { ann: ["Reports", "nightly backup", "NIGHTLY report"], bob: ["deploy", "nightly build"], "o'neil & söhne": ["=cmd|' /C calc'!A0"] };

before(async () => {
  await person("mary", "token_manager");
  await person("ada", "admin");
  for (const [name, descriptions] of Object.entries(people)) {
    await person(name);
    for (const description of descriptions) await rest("POST", "/tokens", { user: name, description });
  }
});

const results = (page) => page.locator("#results");
const count = (page, text) => results(page).getByText(text, { exact: true }).waitFor();
const says = (page) => new URL(page.url()).searchParams;

/** Marks the document: a page that is loaded anew has no mark. */
const mark = (page) => page.evaluate(() => { globalThis.marked = true; });
const isMarked = (page) => page.evaluate(() => globalThis.marked === true);

/** One step back, which loads what was there. */
async function back(page) {
  await mark(page);
  await page.goBack();
  await page.waitForFunction(() => globalThis.marked !== true && document.readyState === "complete");
}

test("the token manager's list follows its filter, keeps what was chosen, and back is one step back", async () => {
  const visitor = await (await Visitor.open()).signIn("mary");
  const { page } = visitor;
  await page.goto("/manager");
  await mark(page);
  const description = page.getByLabel("Description");
  await description.pressSequentially("NIGHT");
  await count(page, "3 tokens");
  assert.equal(page.url(), `${control}/manager?description=NIGHT`);
  // Whoever types on is where they were, with all that they typed.
  await description.pressSequentially("ly b");
  await count(page, "2 tokens");
  assert.equal(await description.inputValue(), "NIGHTly b");
  assert.equal(await page.evaluate(() => document.activeElement.id), "description");

  // Names are chosen one after the other, and stay.
  const users = page.getByLabel("Users", { exact: true });
  for (const [name, expected] of [["ann", "1 token"], ["bob", "2 tokens"]]) {
    await users.fill(name);
    await users.press("Tab");
    await page.getByRole("checkbox", { name, exact: true }).waitFor();
    await count(page, expected);
    assert.equal(await users.inputValue(), "", "what was chosen is no longer typed");
  }
  assert.deepEqual([says(page).getAll("user").sort(), says(page).get("description")], [["ann", "bob"], "NIGHTly b"]);
  await page.getByLabel("Created", { exact: true }).selectOption("Today (UTC)");
  await page.waitForURL(/created=today/);
  await count(page, "2 tokens");
  assert.deepEqual(says(page).getAll("user").sort(), ["ann", "bob"]);
  // One of them is taken out again.
  await page.getByRole("checkbox", { name: "ann", exact: true }).uncheck();
  await count(page, "1 token");
  assert.equal(await page.getByRole("checkbox", { name: "ann", exact: true }).count(), 0);
  assert.equal(await page.evaluate(() => document.activeElement.id), "user", "who did that by keyboard goes on from there");
  assert.ok(await isMarked(page), "no page was loaded");
  await visitor.check("manager-renewed");

  // Back: one step a filter, and the form says what the list is.
  await back(page);
  await count(page, "2 tokens");
  assert.ok(await page.getByRole("checkbox", { name: "ann", exact: true }).isChecked());
  await back(page);
  assert.equal(says(page).get("created"), null);
  assert.equal(await page.getByLabel("Created", { exact: true }).inputValue(), "");
  await back(page);
  await back(page);
  assert.equal(page.url(), `${control}/manager?description=NIGHTly+b`);
  assert.equal(await page.getByLabel("Description").inputValue(), "NIGHTly b");
  await back(page);
  assert.equal(page.url(), `${control}/manager`, "what was typed was one step");
  assert.equal(await page.getByLabel("Description").inputValue(), "");
  await visitor.close();
});

test("what is wrong in a filter is told beside its field, and goes away with it", async () => {
  const visitor = await (await Visitor.open()).signIn("mary");
  const { page } = visitor;
  await page.goto("/manager?description=nightly");
  await mark(page);
  const users = page.getByLabel("Users", { exact: true });
  await users.fill("nobody of this name");
  await users.press("Tab");
  await page.locator("#user-error").waitFor();
  assert.equal(await users.getAttribute("aria-invalid"), "true");
  assert.equal(await users.getAttribute("aria-describedby"), "user-error");
  await visitor.check("manager-renewed-wrong");
  await page.getByRole("checkbox", { name: "nobody of this name" }).uncheck();
  await count(page, "3 tokens");
  await page.locator("#user-error").waitFor({ state: "detached" });
  assert.equal(await users.getAttribute("aria-invalid"), null);
  assert.ok(await isMarked(page), "no page was loaded");
  // Who is no longer signed in is led to where one signs in, and back here.
  const { csrf_token: csrf } = await page.evaluate(async () => (await fetch("/api/v1/session")).json());
  await page.evaluate((token) => fetch("/api/v1/session", { method: "DELETE", headers: { "x-csrf-token": token } }), csrf);
  await page.getByLabel("Expires", { exact: true }).selectOption("Within 30 days");
  await page.waitForURL(/\/sign-in\?next=%2Fmanager%3Fdescription%3Dnightly/);
  await visitor.close();
});

test("users and the audit log follow their filters as well", async () => {
  const visitor = await (await Visitor.open()).signIn("ada");
  const { page } = visitor;
  await page.goto("/admin/users");
  await mark(page);
  await page.getByLabel("Name or mail address").pressSequentially("söh");
  await page.waitForURL(/search=s%C3%B6h/);
  await page.getByRole("row", { name: "o'neil & söhne" }).waitFor();
  assert.equal(await page.locator("#results tbody tr").count(), 1);
  await page.getByLabel("State").selectOption("Deactivated");
  await results(page).getByText("Nobody is like that.").waitFor();
  await page.getByRole("link", { name: "Show everyone" }).waitFor();
  assert.ok(await isMarked(page), "no page was loaded");
  await back(page);
  await page.getByRole("row", { name: "o'neil & söhne" }).waitFor();
  assert.equal(await page.getByLabel("State").inputValue(), "");

  await page.goto("/admin/audit");
  await mark(page);
  await page.getByLabel("What was done").selectOption("user.created");
  await page.waitForURL(/action=user.created/);
  assert.deepEqual(new Set(await page.locator("#results tbody td[data-label=What]").allTextContents()), new Set(["user.created"]));
  const target = page.getByLabel("To what");
  await target.fill("user:bob");
  await target.press("Tab");
  await page.waitForURL(/target=user%3Abob/);
  assert.equal(await page.locator("#results tbody tr").count(), 1);
  const file = await page.getByRole("link", { name: "Export as CSV" }).getAttribute("href");
  assert.match(file, /target=user%3Abob&action=user.created/, "what is exported is what is shown");
  assert.ok(await isMarked(page), "no page was loaded");
  await visitor.check("audit-renewed");
  await visitor.close();
});
