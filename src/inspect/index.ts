/** The inspector of machines and images. */
export { inspect, type InspectOptions } from './inspect.ts';
export type * from './report.ts';
