/** Names for the registers and descriptor bits of the 21140A, as its hardware reference manual has them. */

/** CSR0, bus mode. */
export const BusMode = {
  SoftwareReset: 1 << 0,
  /** Longwords to skip between two descriptors. */
  DescriptorSkip: 0x1f << 2,
  BigEndianBuffers: 1 << 7,
  /** Transmit automatic polling, three bits. */
  AutoPoll: 7 << 17,
  DescriptorByteOrder: 1 << 20,
} as const;

/** CSR5, status; the same bits in CSR7 enable interrupts. */
export const Status = {
  TransmitInterrupt: 1 << 0,
  TransmitStopped: 1 << 1,
  TransmitBufferUnavailable: 1 << 2,
  TransmitJabberTimeout: 1 << 3,
  TransmitUnderflow: 1 << 5,
  ReceiveInterrupt: 1 << 6,
  ReceiveBufferUnavailable: 1 << 7,
  ReceiveStopped: 1 << 8,
  ReceiveWatchdogTimeout: 1 << 9,
  EarlyTransmit: 1 << 10,
  TimerExpired: 1 << 11,
  FatalBusError: 1 << 13,
  EarlyReceive: 1 << 14,
  AbnormalSummary: 1 << 15,
  NormalSummary: 1 << 16,
} as const;

/** Causes that the normal interrupt summary gathers. */
export const NORMAL_CAUSES: number =
  Status.TransmitInterrupt |
  Status.TransmitBufferUnavailable |
  Status.ReceiveInterrupt |
  Status.TimerExpired |
  Status.EarlyReceive;
/** Causes that the abnormal interrupt summary gathers. */
export const ABNORMAL_CAUSES: number =
  Status.TransmitStopped |
  Status.TransmitJabberTimeout |
  Status.TransmitUnderflow |
  Status.ReceiveBufferUnavailable |
  Status.ReceiveStopped |
  Status.ReceiveWatchdogTimeout |
  Status.EarlyTransmit |
  Status.FatalBusError;

/** CSR5 bits 19-17. */
export const ReceiveState = { Stopped: 0, Waiting: 3, Suspended: 4 } as const;
/** CSR5 bits 22-20. */
export const TransmitState = { Stopped: 0, Reading: 3, Suspended: 6 } as const;

/** CSR6, operation mode. */
export const Mode = {
  HashPerfect: 1 << 0,
  StartReceive: 1 << 1,
  HashOnly: 1 << 2,
  InverseFiltering: 1 << 4,
  Promiscuous: 1 << 6,
  PassAllMulticast: 1 << 7,
  FullDuplex: 1 << 9,
  /** 0 normal, 1 internal loopback, 2 external loopback. */
  Loopback: 3 << 10,
  StartTransmit: 1 << 13,
  PortSelect: 1 << 18,
  TransmitThreshold10: 1 << 22,
  ReceiveAll: 1 << 30,
} as const;

/** CSR9, boot ROM, serial ROM and MII management. */
export const Serial = {
  RomChipSelect: 1 << 0,
  RomClock: 1 << 1,
  RomDataIn: 1 << 2,
  RomDataOut: 1 << 3,
  RomSelect: 1 << 11,
  BootRomSelect: 1 << 12,
  ManagementClock: 1 << 16,
  ManagementDataOut: 1 << 17,
  /** Set: the PHY drives the line. */
  ManagementRead: 1 << 18,
  ManagementDataIn: 1 << 19,
} as const;

/** First longword of a descriptor, both kinds. */
export const OWN = 0x80000000;

/** RDES0. Bits 29-16 are the frame length with its check sequence. */
export const ReceiveStatus = {
  FilteringFail: 1 << 30,
  ErrorSummary: 1 << 15,
  DescriptorError: 1 << 14,
  Runt: 1 << 11,
  Multicast: 1 << 10,
  First: 1 << 9,
  Last: 1 << 8,
  TooLong: 1 << 7,
  FrameType: 1 << 5,
} as const;

/** TDES0. */
export const TransmitStatus = {
  ErrorSummary: 1 << 15,
  JabberTimeout: 1 << 14,
  LossOfCarrier: 1 << 11,
  NoCarrier: 1 << 10,
} as const;

/** RDES1 and TDES1: where the next descriptor is. */
export const Chain = { EndOfRing: 1 << 25, SecondAddressChained: 1 << 24 } as const;

/** TDES1. */
export const TransmitControl = {
  InterruptOnCompletion: 0x80000000,
  Last: 1 << 30,
  First: 1 << 29,
  FilterType1: 1 << 28,
  Setup: 1 << 27,
  CrcDisable: 1 << 26,
  PaddingDisable: 1 << 23,
  FilterType0: 1 << 22,
} as const;
