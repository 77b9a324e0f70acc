// Whoever sits at the terminal, asked for a yes.

import { createInterface } from 'node:readline';

/** @returns undefined where nobody can be asked: in a scheduled job, behind a pipe */
export function confirmAtTerminal(): ((question: string) => Promise<boolean>) | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  return (question) =>
    new Promise((answered) => {
      const terminal = createInterface({ input: process.stdin, output: process.stderr });
      // an end of input is no yes
      terminal.once('close', () => answered(false));
      terminal.question(`${question} [y/N] `, (answer) => {
        answered(/^y(es)?$/i.test(answer.trim()));
        terminal.close();
      });
    });
}
