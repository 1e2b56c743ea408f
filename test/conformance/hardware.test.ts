/** Every case captured on a real processor, on the whole processor. `npm run conformance` lists failures by form. */
import { sharedVectorTests } from './shared-vectors.ts';

sharedVectorTests('cases captured on a real processor', {
  'hw/int.jsonl.gz': 60_911,
  'hw/p16.jsonl.gz': 23_055,
  'hw/seg.jsonl.gz': 15_270,
  'hw/seq.jsonl.gz': 10_960,
});
