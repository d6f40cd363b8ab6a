// Drives Firefox by WebDriver BiDi, for tests: node app.mjs EXECUTABLE PROFILE.
// A line of the input is a request, {"run": a script below, and what it takes}; the output answers.
// Puppeteer does not start Firefox: the profile that it would make is not what people have.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import puppeteer from "puppeteer-core";

const [executable, profile] = process.argv.slice(2);
const PATIENCE = 60_000; // milliseconds for one step, on a busy machine

const later = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

function start() {
  const options = ["--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", profile];
  const firefox = spawn(executable, options, { stdio: ["ignore", "ignore", "pipe"] });
  process.on("exit", () => firefox.kill());
  return new Promise((resolve, reject) => {
    let written = "";
    firefox.stderr.on("data", (more) => {
      written += more;
      const [, endpoint] = written.match(/^WebDriver BiDi listening on (ws:\S+)\n/m) ?? [];
      if (endpoint) resolve(`${endpoint}/session`);
    });
    firefox.once("error", reject);
    firefox.once("exit", () => reject(new Error(`Firefox ended by itself:\n${written}`)));
  });
}

// Looks again and again: a page that leads on by itself may be gone in the middle of a look.
async function until(page, look, ...wanted) {
  const deadline = Date.now() + PATIENCE;
  for (;;) {
    const found = await page.evaluate(look, ...wanted).catch(() => null);
    if (found) return found;
    if (Date.now() > deadline) {
      throw new Error(`${page.url()} did not come to ${wanted}:\n${await page.evaluate("document.body.innerText")}`);
    }
    await later(20);
  }
}

const heading = (page, text) =>
  until(page, (wanted) => document.querySelector("h1")?.textContent.trim() === wanted, text);

// With the mouse: a browser opens a window for a person only, and a script's click is none.
async function click(page, selector) {
  const [x, y] = await until(
    page,
    (wanted) => {
      const found = document.readyState === "complete" && document.querySelector(wanted);
      if (!found) return null;
      found.scrollIntoView({ block: "center", behavior: "instant" });
      const { x, y, width, height } = found.getBoundingClientRect();
      return [x + width / 2, y + height / 2];
    },
    selector,
  );
  await page.mouse.click(x, y);
}

const fill = (page, selector, text) =>
  until(
    page,
    (wanted, value) => {
      const field = document.querySelector(wanted);
      if (field) field.value = value;
      return field !== null;
    },
    selector,
    text,
  );

// By the page itself: puppeteer's goto goes on waiting for the frame of a page that was left.
async function go(page, url) {
  await page.evaluate((address) => void location.assign(address), url);
  await until(page, (wanted) => location.href === wanted && document.readyState === "complete", url);
}

async function tryPlace(page, lab, place) {
  await go(page, `${lab}/`);
  await click(page, `label[for="${place}"]`);
  await click(page, 'form[action="/begin"] button');
  await heading(page, "Three more checks");
  for (const task of ["tab", "again", "opened"]) {
    await click(page, `#${task} .second`);
    await until(page, (wanted) => document.querySelector(wanted) !== null, `#${task}.done`);
  }
  await click(page, "form[name=signout] button");
  await heading(page, "What your browser did");
  return page.evaluate((table) => {
    const rows = [...document.querySelectorAll(`${table} [data-experiment]`)];
    return Object.fromEntries(rows.map((row) => [row.dataset.experiment, row.querySelector("td").innerText]));
  }, `#table-${place}`);
}

// Each gets a page of a profile in which nothing was done yet, and what the request holds.
const scripts = {
  // Tries places of the lab one after another, and returns the outcomes of the last one.
  async places(page, { lab, places }) {
    let seen;
    for (const place of places) seen = await tryPlace(page, lab, place);
    return seen;
  },

  // Signs in at SERVER1, continues to the notes, and returns what a script of theirs can reach.
  async handoff(page, { server1, email, password }) {
    await page.goto(`${server1}/login`);
    await fill(page, "#email", email);
    await fill(page, "#password", password);
    await click(page, "main form button:not([type])");
    await click(page, ".cards .card a.button");
    await heading(page, "Your notes");
    const reachable = await page.evaluate(() => ({
      address: location.href,
      referrer: document.referrer,
      cookies: document.cookie,
      requests: performance.getEntries().map(({ name }) => name),
      page: document.documentElement.outerHTML,
    }));
    await page.reload();
    await heading(page, "Your notes");
    await page.evaluate(() => history.back());
    await until(page, (wanted) => location.href === wanted, `${server1}/`);
    return reachable;
  },
};

const browser = await puppeteer.connect({
  browserWSEndpoint: await start(),
  protocol: "webDriverBiDi",
  defaultViewport: null,
});

async function answer({ run, ...given }) {
  const context = await browser.createBrowserContext();
  try {
    return { result: await scripts[run](await context.newPage(), given) };
  } catch (error) {
    return { error: error.stack };
  } finally {
    await context.close();
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line))));
}
process.exit(); // and Firefox with it
