/** Every real-mode case, on the whole processor. */
import { sharedVectorTests } from './shared-vectors.ts';

sharedVectorTests('real-mode instructions', { 'realmode/sst80286.jsonl.gz': 48_300 });
