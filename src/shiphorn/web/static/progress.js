// How a deploy stands, outside of its page: the tab's icon and title, a notification, and the horn.

const SIZE = 64;
const COLOURS = {
  queued: "--state-waiting",
  running: "--state-armed",
  paused: "--state-unknown",
  succeeded: "--state-done",
  failed: "--state-failed",
  rolled_back: "--state-reverted",
};
const MARKS = { paused: "‖", succeeded: "✓", failed: "✗", rolled_back: "↶", stopped: "■" };

/**
 * Shows progress in the tab: a ring as its icon, and a part of its title.
 * @returns {{set: (progress: {state: string, fraction: number, title: string}) => void, restore: () => void}}
 *   `fraction` is from 0 to 1; `state` is that of a deploy
 */
export function mountTabProgress() {
  const titleBefore = document.title;
  const link = document.querySelector("link[rel~=icon]") ?? document.head.appendChild(iconLink());
  const iconBefore = link.getAttribute("href");
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIZE;
  let shown = "";
  return {
    set({ state, fraction, title }) {
      const percent = Math.round(Math.min(1, Math.max(0, fraction)) * 100);
      const text = `${MARKS[state] ?? `${percent}%`} ${title}`;
      if (document.title !== text) document.title = text;
      if (shown === `${state} ${percent}`) return;
      shown = `${state} ${percent}`;
      drawRing(canvas.getContext("2d"), state, percent / 100);
      link.setAttribute("href", canvas.toDataURL());
    },
    restore() {
      document.title = titleBefore;
      if (iconBefore === null) link.remove();
      else link.setAttribute("href", iconBefore);
    },
  };
}

function iconLink() {
  const link = document.createElement("link");
  link.rel = "icon";
  return link;
}

function drawRing(context, state, fraction) {
  const style = getComputedStyle(document.documentElement);
  const colour = style.getPropertyValue(COLOURS[state] ?? "--state-removed").trim() || "#3a66b8";
  const middle = SIZE / 2;
  const over = state in MARKS && state !== "paused";
  context.clearRect(0, 0, SIZE, SIZE);
  context.lineWidth = 12;
  context.lineCap = "round";
  context.strokeStyle = "#8a97a566";
  context.beginPath();
  context.arc(middle, middle, middle - 8, 0, 2 * Math.PI);
  context.stroke();
  context.strokeStyle = context.fillStyle = colour;
  if (over || fraction > 0) {
    context.beginPath();
    context.arc(middle, middle, middle - 8, -Math.PI / 2, -Math.PI / 2 + 2 * Math.PI * (over ? 1 : fraction));
    context.stroke();
  }
  if (MARKS[state]) {
    context.font = "bold 34px system-ui, sans-serif";
    context.textAlign = "center";
    context.textBaseline = "middle";
    context.fillText(MARKS[state], middle, middle + 2);
  }
}

/**
 * Asks whether notifications may be shown. Browsers want to be asked upon a click.
 * @returns {Promise<"granted" | "denied" | "default" | "missing">}
 */
export async function askToNotify() {
  return "Notification" in window ? Notification.requestPermission() : "missing";
}

/**
 * Shows a notification, if that was allowed and nobody looks at the page. A click on it leads back here.
 * @returns {boolean} whether it is shown
 */
export function notify(title, body, { tag = "", always = false } = {}) {
  if (!("Notification" in window) || Notification.permission !== "granted") return false;
  if (!always && document.visibilityState === "visible" && document.hasFocus()) return false;
  const shown = new Notification(title, { body, tag });
  shown.addEventListener("click", () => {
    window.focus();
    shown.close();
  });
  return true;
}

const HORN_SECONDS = 2.4;
// Two reeds a fifth apart, each with a slightly detuned twin that makes the tone beat.
const REEDS = [
  [98.0, 1.0],
  [98.6, 0.8],
  [146.8, 0.7],
  [147.9, 0.5],
];
const HARMONICS = [1.0, 0.55, 0.45, 0.3, 0.22, 0.15, 0.1, 0.06];

/**
 * The horn. Browsers are silent until somebody clicked: call `unlock` in a click's handler.
 * @param {{muted?: boolean}} options
 * @returns {{play: () => boolean, mute: (muted: boolean) => void, muted: () => boolean,
 *   unlock: () => Promise<boolean>}} `play` and `unlock` say whether it can be heard
 */
export function createHorn({ muted = false } = {}) {
  let context = null;
  let silent = muted;
  let sounding = null;
  return {
    async unlock() {
      context ??= new AudioContext();
      await context.resume();
      return context.state === "running";
    },
    play() {
      if (silent || context?.state !== "running") return false;
      sounding?.disconnect();
      sounding = blow(context, context.currentTime + 0.02);
      return true;
    },
    mute(value) {
      silent = value;
      if (silent) sounding?.disconnect();
    },
    muted: () => silent,
  };
}

/**
 * Has the horn sound once.
 * @param {BaseAudioContext} context an offline one, too
 * @param {number} start seconds, on the clock of the context
 * @returns {AudioNode} what carries the sound; disconnected, it is silent
 */
export function blow(context, start) {
  const phases = HARMONICS.map((level, place) => [level * Math.cos(place * place * 0.7), level * Math.sin(place * place * 0.7)]);
  const wave = context.createPeriodicWave([0, ...phases.map(([, sine]) => sine)], [0, ...phases.map(([cosine]) => cosine)]);
  const air = context.createGain();
  air.gain.setValueCurveAtTime(envelope(), start, HORN_SECONDS);
  const pipe = context.createBiquadFilter();
  pipe.type = "lowpass";
  pipe.frequency.setValueAtTime(600, start);
  pipe.frequency.linearRampToValueAtTime(2600, start + 0.3);
  for (const [frequency, level] of REEDS) {
    const reed = new OscillatorNode(context, { frequency });
    reed.setPeriodicWave(wave);
    reed.connect(new GainNode(context, { gain: level })).connect(pipe);
    reed.start(start);
    reed.stop(start + HORN_SECONDS);
  }
  const breath = new AudioBufferSourceNode(context, { buffer: noise(context) });
  breath.connect(new GainNode(context, { gain: 0.05 })).connect(pipe);
  breath.start(start);
  pipe.connect(air).connect(context.destination);
  return air;
}

/** Air fills the horn, and leaves it. */
function envelope() {
  return Float32Array.from({ length: 241 }, (_, place) => {
    const at = (place / 240) * HORN_SECONDS;
    const rise = Math.min(1, at / 0.18);
    const fall = Math.min(1, (HORN_SECONDS - at) / 0.45);
    return 0.16 * rise * rise * Math.sqrt(Math.max(0, fall) ** 3);
  });
}

function noise(context) {
  const buffer = context.createBuffer(1, Math.ceil(HORN_SECONDS * context.sampleRate), context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let place = 0; place < samples.length; place++) samples[place] = Math.random() * 2 - 1;
  return buffer;
}
