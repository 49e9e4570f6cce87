// The shape of `pega bench transfer --json`, strict: a key that comes or goes is a change of the format.
import { z } from 'zod';

const count = z.int().min(0);
const amount = z.number().min(0);
const spread = z.strictObject({ median: z.number(), min: z.number(), max: z.number() });
const direction = z.enum(['load', 'store', 'both']);
const kind = z.enum(['sync', 'async']);
const order = z.enum(['run', 'runs16', 'shuffled']);
const plan = z.enum(['auto', 'direct', 'staged']);
const percentiles = z.strictObject({ p50: amount, p99: amount });
const share = z.strictObject({ bytes_per_s: spread, share_of_alone: spread });

const scenario = z.strictObject({
  direction,
  kind: kind.nullable(),
  segment_bytes: count,
  layers: count,
  slots: count,
  device_order: order,
  host_order: order,
  plan,
  beside_product: z.boolean(),
  job_bytes: count,
  groups: count.nullable(),
  bytes_per_s: spread,
  link_share: spread,
  submit_ms: spread.nullable(),
  cpu_ms: spread.nullable(),
  submit_driver_calls: amount.nullable(),
  driver_calls: amount.nullable(),
  staged_share: z.number().min(0).max(1).nullable(),
  load: share.nullable(),
  store: share.nullable(),
  product_slowdown: spread.nullable(),
  verified: z.boolean().nullable(),
  checked_jobs: count,
  wrong_segments: count,
  first_wrong: z.string().nullable(),
  pin_s: amount,
  pinned_bytes: count,
  samples: z.array(z.record(z.string(), z.number())).min(1),
});

const latency = z.strictObject({
  direction: z.enum(['load', 'store']),
  kind: kind.nullable(),
  block_bytes: count,
  spinning_us: percentiles,
  waiting_us: percentiles,
  samples: z.strictObject({
    spinning_us: z.array(amount).min(1),
    waiting_us: z.array(amount).min(1),
  }),
});

const gpu = z.strictObject({
  ordinal: count,
  name: z.string().min(1),
  uuid: z.string().nullable(),
  pci_bus_id: z.string(),
  memory_bytes: count,
  multiprocessors: count,
  pcie: z
    .strictObject({ now: z.string(), device_max: z.string(), slot_max: z.string().nullable() })
    .nullable(),
  numa_node: count.nullable(),
  link: z.strictObject({
    to_device: amount,
    to_host: amount,
    both: amount,
    one_copy_to_device: amount.nullable(),
    one_copy_to_host: amount.nullable(),
  }),
  product_tera_flops: amount.nullable(),
  device_bytes: count.nullable(),
  staging_bytes: count.nullable(),
  calibration_kept: z.boolean().nullable(),
  latency: z.array(latency),
  scenarios: z.array(scenario),
});

export const transferSchema = z.strictObject({
  schema_version: z.literal(1),
  bench: z.literal('transfer'),
  passed: z.boolean(),
  problems: z.array(
    z.strictObject({
      kind: z.enum(['wrong_bytes', 'not_measured']),
      gpu: count,
      message: z.string().min(1),
    }),
  ),
  command: z.string().startsWith('pega bench transfer'),
  config: z.strictObject({
    directions: z.array(direction),
    kinds: z.array(kind),
    segment_bytes: z.array(count),
    layers: z.array(count),
    slots: z.array(count),
    orders: z.array(z.strictObject({ device: order, host: order })),
    plans: z.array(plan),
    beside_product: z.boolean(),
    layers_per_group: count,
    repeats: count,
    seed: count,
    verify: z.boolean(),
    slab_bytes: count,
    link_bytes: count,
    product_size: count,
  }),
  machine: z.strictObject({
    cpu: z.string(),
    cores: count,
    memory_bytes: count,
    kernel: z.string(),
    architecture: z.string(),
    slab_pages: z.enum(['4k', 'huge-shmem', 'hugetlb']).nullable(),
    cuda: z.string(),
    nvidia_driver: z.string().nullable(),
  }),
  versions: z.strictObject({ pega: z.string(), node: z.string() }),
  started_at: z.iso.datetime(),
  duration_s: amount,
  gpus: z.array(gpu).min(1),
});
