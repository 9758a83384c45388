import tab from '@bomb.sh/tab/commander';
import { Command, CommanderError } from 'commander';
import { EXIT, RemoteError, safeText, UserError } from '../core/index.ts';
import { productVersion } from '../pipeline/index.ts';
import { addAnalystCommand } from './command/analyst.ts';
import { addAnalyzeCommand } from './command/analyze.ts';
import { addBaselineCommand } from './command/baseline.ts';
import { addCaptureCommand } from './command/capture.ts';
import { addCutCommand } from './command/cut.ts';
import { addDevicesCommand } from './command/devices.ts';
import { addDoctorCommand } from './command/doctor.ts';
import { addEvaluateCommand } from './command/evaluate.ts';
import { addExplainCommand } from './command/explain.ts';
import { addFeedbackCommand } from './command/feedback.ts';
import { addFieldsCommand } from './command/fields.ts';
import { addFlowsCommand } from './command/flows.ts';
import { addFormatsCommand } from './command/formats.ts';
import { addModelCommand } from './command/model.ts';
import { addPluginCommand } from './command/plugin.ts';
import { addReplayCommand } from './command/replay.ts';
import { addRulesCommand } from './command/rules.ts';
import { addScoreCommand } from './command/score.ts';
import { addSheetCommand } from './command/sheet.ts';
import { addShowCommand } from './command/show.ts';
import { addSimulateCommand } from './command/simulate.ts';
import { addTrainCommand } from './command/train.ts';
import { addTuneCommand } from './command/tune.ts';
import { note, showUserError } from './terminal.ts';

/** The whole command line, from which help, completion and the reference page derive. */
export function createProgram(done: (code: number) => void): Command {
  const program = new Command('anomalyst');
  program
    .description('Finds what is strange on a network and explains it. On your own machine; nothing is uploaded.')
    .version(productVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .showSuggestionAfterError(true)
    // An option belongs to the command that it stands behind: `capture status --out x` is not an --out of `capture`.
    .enablePositionalOptions()
    .configureHelp({ sortSubcommands: false })
    .addHelpText(
      'after',
      '\nFirst steps:\n  anomalyst analyze office.pcap     analyse a capture; the report lands in ./anomalyst-out\n  anomalyst doctor                  see what this machine has and lacks\n  anomalyst completion bash         shell completion; also zsh, fish, powershell',
    )
    // What was typed comes back in complaints, and it may hold anything.
    .configureOutput({
      writeErr: (text) =>
        process.stderr.write(
          text
            .split('\n')
            .map((line) => safeText(line, 1000))
            .join('\n'),
        ),
    })
    .exitOverride();
  addAnalyzeCommand(program, done);
  addShowCommand(program, done);
  addFeedbackCommand(program, done);
  addReplayCommand(program, done);
  addAnalystCommand(program, done);
  addFlowsCommand(program, done);
  addTrainCommand(program, done);
  addScoreCommand(program, done);
  addEvaluateCommand(program, done);
  addTuneCommand(program, done);
  addCutCommand(program, done);
  addSheetCommand(program, done);
  addDevicesCommand(program, done);
  addBaselineCommand(program, done);
  addCaptureCommand(program, done);
  addSimulateCommand(program, done);
  addRulesCommand(program, done);
  addFieldsCommand(program, done);
  addFormatsCommand(program, done);
  addExplainCommand(program, done);
  addModelCommand(program, done);
  addPluginCommand(program, done);
  addDoctorCommand(program, done);
  return program;
}

/** Runs the command line. @param argv the arguments without node and script. Returns the exit code (see EXIT); shows errors itself. */
export async function main(argv: readonly string[]): Promise<number> {
  let code: number = EXIT.done;
  const program = createProgram((result) => {
    code = result;
  });
  tab(program, { completionCommandName: 'completion' });
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(argv, { from: 'user' });
    return code;
  } catch (error) {
    // Commander has already printed help, the version, or its complaint with a suggestion.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.yourMistake;
    if (error instanceof UserError) {
      showUserError(error);
      return EXIT.yourMistake;
    }
    if (error instanceof RemoteError) {
      // The other side failed: whoever started the run can mend it, we cannot.
      showUserError(error);
      return EXIT.yourMistake;
    }
    note(
      `This is a fault of anomalyst, not yours. Please report it with the command and, if you may, the input.\n${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    return EXIT.ourFault;
  }
}
