// The filter language of the fleet map: `state:failed region:eu -zone:a role:web web1*`.

const KEYS = ["state", "region", "zone", "role", "name"];

/**
 * One word of a filter.
 * @typedef {{key: string, negated: boolean, pattern: RegExp}} Term
 */

/**
 * Reads a filter. Words are combined with AND, `-` negates one, `*` and `?` are wildcards, case is of
 * no account. `key:a,b` means a or b; a word without a key is part of a host's name.
 * @param {string} text
 * @returns {{terms: Term[], problems: string[]}} `problems` are sentences about words that were left out.
 */
export function parseFilter(text) {
  const terms = [];
  const problems = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const negated = word.startsWith("-") && word.length > 1;
    const bare = negated ? word.slice(1) : word;
    const colon = bare.indexOf(":");
    const key = colon < 0 ? "name" : bare.slice(0, colon).toLowerCase();
    const values = bare
      .slice(colon + 1)
      .split(",")
      .filter(Boolean);
    if (!KEYS.includes(key)) {
      problems.push(`There is no "${key}:". There are ${KEYS.map((one) => `${one}:`).join(", ")}.`);
    } else if (values.length > 0) {
      terms.push({ key, negated, pattern: pattern(values, colon < 0) });
    }
  }
  return { terms, problems };
}

/**
 * Whether a host is among those that a filter asks for.
 * @param {Term[]} terms
 * @param {{name: string, state: string, region: string, zone: string, roles: string[]}} host
 */
export function matches(terms, host) {
  return terms.every(({ key, negated, pattern: wanted }) => {
    const found = key === "role" ? host.roles.some((role) => wanted.test(role)) : wanted.test(host[key]);
    return found !== negated;
  });
}

function pattern(values, anywhere) {
  const parts = values.map((value) => {
    const escaped = value.replace(/[.+^${}()|[\]\\]/g, "\\$&");
    const glob = escaped.replaceAll("*", ".*").replaceAll("?", ".");
    return anywhere && glob === escaped ? `.*${glob}.*` : glob;
  });
  return new RegExp(`^(?:${parts.join("|")})$`, "i");
}
