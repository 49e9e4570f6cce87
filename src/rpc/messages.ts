// The messages of proto/pega/v1/pega.proto as the loader gives them: camelCase, u64 as number, packed
// fields as Buffer, enums by name. Comments on meaning and limits stand in the proto.
//
// Used by whoever speaks to or answers for the server. Types only.

export type Role = 'ROLE_UNSPECIFIED' | 'ROLE_SCHEDULER' | 'ROLE_WORKER';

export interface Identity {
  fields: Record<string, string>;
  blockTokens: number;
  hashBytes: number;
  rankCount: number;
  rankSlotBytes: number[];
}

export interface LayoutSegment {
  layer: number;
  allocation: number;
  offsetBytes: number;
  blockStrideBytes: number;
  bytes: number;
}

export interface Layout {
  allocations: { bytes: number }[];
  segments: LayoutSegment[];
  blockCount: number;
}

export interface RegisterRequest {
  protocolVersion: number;
  sharedLayoutVersion: number;
  engineId: Buffer;
  role: Role;
  rank: number;
  /** Null: a worker that has its engine's. */
  identity: Identity | null;
  layout: Layout | null;
  device: string;
  client: string;
  pid: number;
}

export interface RegisterResponse {
  bootNumber: number;
  poolId: Buffer;
  folder: string;
  slabFolder: string;
  slabBytes: number;
  ordinalCapacity: number;
  nonce: Buffer;
  token: Buffer;
  namespaceDigest: Buffer;
  warning: string;
}

export interface SessionHello {
  engineId: Buffer;
  role: Role;
  rank: number;
  nonce: Buffer;
  bootNumber: number;
}

export interface Decision {
  requestId: string;
  kind: string;
  cause: string;
  timeSeconds: number;
}

export interface SessionReport {
  loadBytes: number;
  storeBytes: number;
  loadJobs: number;
  storeJobs: number;
  failedJobs: number;
  loadSeconds: number;
  storeSeconds: number;
  transfersRunning: number;
  slabsReady: number;
  decisions: Decision[];
  decisionsDropped: number;
}

/** Exactly one of the fields is there. */
export interface SessionRequest {
  hello?: SessionHello | null;
  report?: SessionReport | null;
}

export interface SessionWelcome {
  bootNumber: number;
}

/** Exactly one of the fields is there. */
export interface SessionResponse {
  welcome?: SessionWelcome | null;
  draining?: Record<string, never> | null;
}

export interface Caller {
  engineId: Buffer;
  token: Buffer;
  bootNumber: number;
  watermark: number;
}

export interface QueryRequest {
  caller: Caller | null;
  leaseId: number;
  hashes: Buffer;
  localHitBlocks: number;
}

export interface QueryResponse {
  bootNumber: number;
  sealedBefore: Buffer;
  hitBlocks: number;
  slots: Buffer;
}

export interface ReleaseRequest {
  caller: Caller | null;
  leaseIds: number[];
}

export interface ReleaseResponse {
  bootNumber: number;
}

export interface ReserveRequest {
  caller: Caller | null;
  reservationId: number;
  parentHash: Buffer;
  hashes: Buffer;
}

export interface ReserveResponse {
  bootNumber: number;
  outcomes: Buffer;
  reserved: Buffer;
}

export interface SealRequest {
  caller: Caller | null;
  reservationId: number;
  indices: Buffer;
  generations: Buffer;
}

export interface SealResponse {
  bootNumber: number;
  sealedBlocks: number;
}

export interface AbandonRequest {
  caller: Caller | null;
  reservationId: number;
  indices: Buffer;
}

export interface AbandonResponse {
  bootNumber: number;
}

export interface PoolTotals {
  queried: number;
  hit: number;
  reserved: number;
  sealed: number;
  abandoned: number;
  evicted: number;
  lost: number;
  full: number;
}

export interface SlotClass {
  namespaceDigest: Buffer;
  slotBytes: number;
  slabs: number;
  slots: number;
  slotsUsed: number;
  longestFreeRun: number;
}

export interface GetPoolResponse {
  bootNumber: number;
  poolId: Buffer;
  folder: string;
  serverVersion: string;
  uptimeSeconds: number;
  poolBytes: number;
  filledBytes: number;
  usedBytes: number;
  pinnedBytes: number;
  slabBytes: number;
  slabsTotal: number;
  slabsReady: number;
  slabsFree: number;
  slabsRetired: number;
  classes: SlotClass[];
  indexBytes: number;
  totals: PoolTotals | null;
}

export interface InstanceProcess {
  role: Role;
  rank: number;
  device: string;
  client: string;
  pid: number;
  alive: boolean;
  sessionSeconds: number;
  report: SessionReport | null;
}

/** A value that is not there: the identity has no such field. */
export interface FieldDifference {
  field: string;
  value?: string | undefined;
  nearestValue?: string | undefined;
}

export interface NearestNamespace {
  namespaceDigest: Buffer;
  differences: FieldDifference[];
}

export interface Instance {
  engineId: Buffer;
  namespaceDigest: Buffer;
  identity: Identity | null;
  dying: boolean;
  leases: number;
  reservations: number;
  heldBytes: number;
  holdFileBytes: number;
  processes: InstanceProcess[];
  nearest: NearestNamespace | null;
}

export interface ListInstancesResponse {
  instances: Instance[];
}

export interface NamespaceBlocks {
  digest: Buffer;
  identity: Identity | null;
  reserved: number;
  sealed: number;
  pinned: number;
  usedBytes: number;
}

export interface GetBlocksResponse {
  namespaces: NamespaceBlocks[];
}

export type EmptyRequest = Record<string, never>;

/** Request and response of each unary call, by the method's name in the proto. */
export interface UnaryCalls {
  Register: [RegisterRequest, RegisterResponse];
  Query: [QueryRequest, QueryResponse];
  Release: [ReleaseRequest, ReleaseResponse];
  Reserve: [ReserveRequest, ReserveResponse];
  Seal: [SealRequest, SealResponse];
  Abandon: [AbandonRequest, AbandonResponse];
  GetPool: [EmptyRequest, GetPoolResponse];
  ListInstances: [EmptyRequest, ListInstancesResponse];
  GetBlocks: [EmptyRequest, GetBlocksResponse];
}
