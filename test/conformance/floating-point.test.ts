/** Every captured case of x87, MMX and SSE, and the vectors of Berkeley TestFloat, on the whole processor. */
import { sharedVectorTests } from './shared-vectors.ts';

sharedVectorTests('floating point and media instructions', {
  'hw/x87.jsonl.gz': 33_917,
  'hw/mmx.jsonl.gz': 12_015,
  'hw/sse.jsonl.gz': 42_307,
  'testfloat/vectors.txt.gz': 221_890,
});
