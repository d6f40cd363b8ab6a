// The script of the victim's page. It keeps the token where the visitor chose, looks whether it is
// there, and leads from one experiment to the next. A module: no other script can name `held`.
const { step, place, notebook, next } = document.body.dataset;
let held = "";

const drawers = {
  "variable": { get: () => held, put: (token) => (held = token), empty: () => {} },
  "local-storage": drawer(localStorage),
  "session-storage": drawer(sessionStorage),
};
const here = drawers[place]; // undefined for a cookie: the browser keeps it, and sends it by itself

function drawer(store) {
  return {
    get: () => store.getItem("token") ?? "",
    put: (token) => store.setItem("token", token),
    empty: () => store.removeItem("token"),
  };
}

const tell = (path, options = {}) =>
  fetch(`${path}${path.includes("?") ? "&" : "?"}notebook=${notebook}`, { method: "POST", ...options });

const signIn = async () => here?.put(await (await tell("/token")).text());

// The server notes whether it takes this request for one of the visitor's.
const look = (experiment) => {
  const token = here?.get();
  return tell(`/look?experiment=${experiment}`, { headers: token ? { Authorization: `Bearer ${token}` } : {} });
};

const seen = (experiment, outcome) => tell(`/seen?experiment=${experiment}&outcome=${outcome}`);

const results = () => location.replace(`/results?notebook=${notebook}`);

const steps = {
  async hole() {
    localStorage.clear();
    sessionStorage.clear();
    await signIn();
    const attack = new Promise((over) => addEventListener("attack-over", over, { once: true }));
    await look("kept");
    await attack;
    location.assign(next);
  },
  async strict() {
    await look("reload");
    await seen("strict", window.injected ? "yes" : "no");
    location.assign(next);
  },
  async hold() {
    // The journey has cost a page its memory: this one brings the token along, as some sites do.
    if (place === "variable") held = document.body.dataset.token;
    delete document.body.dataset.token;
    here?.get(); // as every page does that uses it: Firefox copies for a window what a page has read
    const others = new BroadcastChannel("lab");
    others.onmessage = ({ data }) => {
      const task = document.getElementById(data);
      task.classList.add("done");
      document.getElementById("told").textContent = `Done: ${task.querySelector(".second").textContent}.`;
    };
    addEventListener("pagehide", () => others.close());
    document.getElementById("open").addEventListener("click", (event) => window.open(event.target.value));
    document.forms.signout.addEventListener("submit", () => here?.empty());
  },
  async "signed-out"() {
    await seen("back", "no"); // this page was loaded anew, and the server knows better
    results();
  },
  tab: lookAndClose,
  opened: lookAndClose,
  again: lookAndClose,
};

async function lookAndClose() {
  await look(step);
  if (step === "tab") await signIn(); // so that this tab holds it when it is closed
  const others = new BroadcastChannel("lab");
  others.postMessage(step);
  others.close();
  window.close();
}

// From the back/forward cache a page comes with its memory, and without a request.
addEventListener("pageshow", async ({ persisted }) => {
  if (!persisted || step !== "hold") return;
  await seen("back", place === "variable" && held ? "token" : "page");
  held = "";
  results();
});

// A page that leads on before it is complete takes its own place in the history.
addEventListener("load", () => setTimeout(steps[step]));
