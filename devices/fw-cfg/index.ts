// Firmware configuration device; see fw-cfg.ts for the source and for what is modelled.
export * from './fw-cfg.ts';
