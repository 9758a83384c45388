/** Accounts that the detector remembers; transfers to further ones are not looked at. */
const MAX_ACCOUNTS = 100_000;

export const features = {
  drained: ({ amount, balance }) => amount.map((paid, i) => (balance[i] > 0 ? Math.min(1, paid / balance[i]) : NaN)),
  roundness: ({ amount }) =>
    amount.map((paid) => {
      let [rest, zeros] = [Math.trunc(Math.abs(paid)), 0];
      while (rest > 0 && rest % 10 === 0) {
        rest /= 10;
        zeros++;
      }
      return zeros;
    }),
};

export const filters = {
  is_merchant: ({ account }, { prefix }) => account.map((name) => name.startsWith(prefix)),
};

export const flags = {
  large_cash_out({ limit }) {
    const found = new Map();
    return {
      observe({ type, amount, account }, rows) {
        for (let i = 0; i < rows.length; i++) {
          if (type[i] !== 'CASH_OUT' || !(amount[i] > limit)) continue;
          const name = account[i] ?? 'an account without a name';
          const known = found.get(name);
          if (known !== undefined) {
            known.rows.push(rows[i]);
            known.sum += amount[i];
          } else if (found.size < 1000) found.set(name, { rows: [rows[i]], sum: amount[i] });
        }
      },
      finish: () =>
        [...found].map(([entity, { rows, sum }]) => ({
          entity,
          message: `${entity} took out ${sum.toFixed(2)} in ${rows.length} payments above ${limit}`,
          reasons: [{ name: 'sum', value: sum }],
          rows,
        })),
    };
  },
};

export const detectors = {
  pass_through({ steps, share }) {
    const received = new Map();
    const findings = [];
    return {
      observe({ step, type, amount, nameOrig, nameDest }, rows) {
        for (let i = 0; i < rows.length; i++) {
          if (type[i] === 'TRANSFER' && nameDest[i] !== undefined) {
            if (received.size >= MAX_ACCOUNTS && !received.has(nameDest[i])) continue;
            received.set(nameDest[i], { step: step[i], amount: amount[i], row: rows[i] });
          } else if (type[i] === 'CASH_OUT') {
            const before = received.get(nameOrig[i]);
            if (before === undefined || step[i] - before.step > steps || amount[i] < share * before.amount) continue;
            received.delete(nameOrig[i]);
            if (findings.length < 1000)
              findings.push({
                entity: nameOrig[i],
                score: 0.9,
                message: `${before.amount} came in and ${amount[i]} went out ${step[i] - before.step} steps later`,
                reasons: [
                  { name: 'received', value: before.amount },
                  { name: 'cashed-out', value: amount[i] },
                  { name: 'delay', value: step[i] - before.step, unit: 'steps' },
                ],
                rows: [before.row, rows[i]],
              });
          }
        }
      },
      finish: () => findings,
    };
  },
};

/** A cell that a spreadsheet takes for text and nothing else. */
const cell = (text) =>
  `"${String(text)
    .replace(/^[=+\-@\t\r]/, "'$&")
    .replaceAll('"', '""')}"`;

export const reports = {
  accounts: ({ incidents }) => [
    {
      file: 'accounts.csv',
      content: [
        'account,severity,title',
        ...incidents.map((one) => [one.actors[0]?.address ?? '', one.severity, one.title].map(cell).join(',')),
      ]
        .join('\n')
        .concat('\n'),
    },
  ],
};
