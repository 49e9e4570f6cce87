/* libpega: what an LLM engine's process needs to use a pega pool, as a C interface.
 *
 * Two handles. `pega_memory` is this process's place in the pool for one boot of the server: it
 * proves that the process lives, marks the slots it uses, and opens the slabs. `pega_transfer`
 * copies blocks between the engine's memory and slots. Register, Query, Reserve and Seal are gRPC
 * calls (proto/pega/v1/pega.proto), not here: their answers are what these calls take.
 *
 * Every call but three returns a code: PEGA_OK (0) or one of enum pega_code. pega_last_message() has
 * one sentence about the last failure of the calling thread. Nothing is written to results then.
 *
 * Structs begin with `struct_bytes`: set it to sizeof and zero the rest of what you do not use. A
 * library that knows more fields takes those you lack as 0; one that knows fewer refuses yours if
 * they are not 0. Pointers in structs are read during the call only.
 *
 * Threads: any call from any thread, but close a handle only when no other call uses it.
 *
 * Calls that may block are marked BLOCKS; from Python they go through CDLL, which releases the
 * interpreter's lock. QUICK calls make no system call that waits and take microseconds: PyDLL. OPENS
 * calls open files, some of them at a first use: CDLL, outside of the path that is timed.
 */
#ifndef PEGA_H_
#define PEGA_H_

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PEGA_EXPORT __attribute__((visibility("default")))
#else
#define PEGA_EXPORT
#endif

#define PEGA_ABI_VERSION 1u /* raised when a call or a field changes its meaning or goes */

enum pega_code {
  PEGA_OK = 0,
  PEGA_INVALID_ARGUMENT = 1, /* the caller's input; the message names the field */
  PEGA_NOT_FOUND = 2,        /* no such header, slab or job */
  PEGA_ALREADY_EXISTS = 3,   /* a living process has this engine's record */
  PEGA_POOL_BUSY = 4,
  PEGA_STALE_BOOT = 5,   /* the server restarted since Register: close, register again, a miss */
  PEGA_NOT_SAME_HOST = 6, /* this host, or container, does not have the server's folder */
  PEGA_WRONG_OWNER = 7,
  PEGA_NOT_RESERVED = 8,
  PEGA_ID_REUSED = 9,
  PEGA_LIMIT = 10,       /* a bound was passed: forget jobs */
  PEGA_NO_SPACE = 11,
  PEGA_SLAB_CHANGED = 12, /* a slab was truncated, replaced or removed from outside: a miss */
  PEGA_LAYOUT_VERSION = 13, /* the server is another version of pega */
  PEGA_CANCELLED = 14,      /* the transfer was closed first */
  PEGA_TIMEOUT = 15,        /* a bounded wait ended; the job goes on */
  PEGA_UNSUPPORTED = 16,
  PEGA_IO = 17, /* a system call failed; the message has the call and its error */
  PEGA_INTERNAL = 18,
  PEGA_DEVICE = 19 /* a call of the GPU's driver failed; the message has the call and its error */
};

/* QUICK. Compare with PEGA_ABI_VERSION before anything else. */
PEGA_EXPORT uint32_t pega_abi_version(void);
/* QUICK. The layout of the shared files; Register's answer has the server's. */
PEGA_EXPORT uint32_t pega_shared_layout_version(void);
/* QUICK. "PEGA_STALE_BOOT" for 5; never NULL. */
PEGA_EXPORT const char *pega_code_name(int code);
/* QUICK. Of the last call that failed on this thread, "" before one has; valid until the next. */
PEGA_EXPORT const char *pega_last_message(void);

/* A slot: where it lies in the pool, as Query and Reserve answer it (8 bytes, little-endian). */
typedef struct pega_slot {
  uint32_t slab_ordinal;
  uint32_t page; /* of 4096 bytes, within the slab */
} pega_slot;

/* ---- the pool, as one process of one engine sees it ------------------------------------------ */

typedef struct pega_memory pega_memory;

typedef struct pega_memory_options { /* all from Register's answer, but `record` */
  uint32_t struct_bytes;
  uint32_t record; /* 0: the scheduler; 1 + rank: a worker */
  uint32_t rank_count;
  uint32_t ordinal_capacity;
  uint64_t slab_bytes;
  uint64_t boot_number;
  const char *folder_path;
  const char *slab_path;
  uint8_t pool_id[16];
  uint8_t engine_id[16];
  uint8_t nonce[16];
} pega_memory_options;

/* OPENS. Opens the pool and takes this process's lock in the engine's hold file. The server believes
 * that the process lives until pega_memory_close or the process's end. A child made by fork has no
 * part in it. PEGA_STALE_BOOT, PEGA_NOT_SAME_HOST, PEGA_ALREADY_EXISTS, PEGA_LAYOUT_VERSION, … */
PEGA_EXPORT int pega_memory_open(const pega_memory_options *options, pega_memory **memory);

/* QUICK. The server's boot number now; 0 when the pool's header was removed. When it is no longer
 * the one that the memory was opened with: finish the transfers, close both, register again. */
PEGA_EXPORT int pega_memory_boot_number(const pega_memory *memory, uint64_t *boot_number);

/* QUICK. Takes one use of each slot, before its address is used; only the scheduler's record may.
 * slot_bytes: the layout's. PEGA_STALE_BOOT: nothing is taken, the slots are a miss. */
PEGA_EXPORT int pega_memory_hold(pega_memory *memory, const pega_slot *slots, uint64_t slot_count,
                                 uint64_t slot_bytes);
/* QUICK. Gives one use of each slot back. PEGA_INVALID_ARGUMENT: a slot has none; nothing changed. */
PEGA_EXPORT int pega_memory_drop(pega_memory *memory, const pega_slot *slots, uint64_t slot_count,
                                 uint64_t slot_bytes);
/* QUICK. Pages of 4096 bytes that this process holds. */
PEGA_EXPORT int pega_memory_held_pages(const pega_memory *memory, uint64_t *pages);

/* OPENS. Opens every slab that the server has published so far; how many, from the first on, can be
 * reached: one that is retired or changed ends the count, later ones are open all the same. */
PEGA_EXPORT int pega_memory_open_slabs(pega_memory *memory, uint32_t *slabs_ready);
/* QUICK. Tells the engine's other processes, and the server, what this rank can do. */
PEGA_EXPORT int pega_memory_report_ready(pega_memory *memory, uint64_t slabs_ready, int sync_loads);
/* QUICK. 1 when every rank has said that synchronous loads are possible, else 0. */
PEGA_EXPORT int pega_memory_all_ranks_sync(const pega_memory *memory, int *all);
/* QUICK. The fewest slabs that a rank has reported (0 while one has not joined), and whether every
 * rank has said that synchronous loads are possible. */
PEGA_EXPORT int pega_memory_ranks_ready(const pega_memory *memory, uint64_t *slabs_ready_min,
                                        int *sync);

/* BLOCKS for no copy, but reads the bits of the engine's hold file: CDLL. 1 when no slot of this
 * engine is held, by whichever of its processes asks. Once the boot number has changed no new hold
 * succeeds, so 1 stays 1: what was opened for the old boot may be closed. */
PEGA_EXPORT int pega_memory_engine_idle(const pega_memory *memory, int *idle);

/* OPENS. Gives up slabs, header and, last, the lock. PEGA_INVALID_ARGUMENT while transfers on this
 * memory are open; NULL is Ok. */
PEGA_EXPORT int pega_memory_close(pega_memory *memory);

/* ---- copies ---------------------------------------------------------------------------------- */

typedef struct pega_transfer pega_transfer;

typedef struct pega_allocation { /* memory that holds blocks */
  uint64_t address;
  uint64_t bytes;
} pega_allocation;

typedef struct pega_segment { /* of one layer: block b lies at offset_bytes + b * stride */
  uint32_t layer;             /* 0, 1, 2 … in order; several segments a layer are possible */
  uint32_t allocation;        /* index */
  uint64_t offset_bytes;
  uint64_t block_stride_bytes;
  uint64_t bytes;
} pega_segment;

enum pega_device_kind {
  PEGA_ON_HOST = 0, /* this process's own memory */
  PEGA_ON_CUDA = 1  /* a GPU's, through libcuda.so.1, which is looked for when it is asked for */
};

typedef struct pega_transfer_options {
  uint32_t struct_bytes;
  uint32_t thread_count; /* host: 0: one for each core, at most 8 */
  const pega_allocation *allocations;
  uint64_t allocation_count;
  const pega_segment *segments;
  uint64_t segment_count;
  uint64_t block_count; /* of the engine */
  uint32_t device;      /* enum pega_device_kind */
  /* CUDA alone; 0 where nothing is wanted: */
  int32_t device_ordinal; /* among the GPUs that the driver shows this process */
  uint64_t staging_bytes; /* of the GPU's memory; 0: 64 MiB. Halved while there is less */
  uint32_t kernel_ctas;   /* blocks of threads that a copy may keep busy; 0: 16 */
  uint32_t uncalibrated;  /* 1: plans by built-in costs, the GPU is not measured */
} pega_transfer_options;

/* OPENS (it starts threads). The blocks' memory must stay until pega_transfer_close.
 * PEGA_INVALID_ARGUMENT says what is wrong with the layout. On CUDA it uses the GPU's primary context;
 * slabs are registered in the background from now on; and it measures the GPU, up to 2 s, unless
 * a process of this user did so with this driver. PEGA_UNSUPPORTED: no driver or no such GPU, or one too
 * old; PEGA_NO_SPACE: no GPU memory for staging. */
PEGA_EXPORT int pega_transfer_create(pega_memory *memory, const pega_transfer_options *options,
                                     pega_transfer **transfer);
/* QUICK. Bytes of one block in a slot, and layers. Either result may be NULL. */
PEGA_EXPORT int pega_transfer_shape(const pega_transfer *transfer, uint64_t *slot_bytes,
                                    uint32_t *layer_count);

/* QUICK. Slabs, from the first on without a gap, that synchronous loads may use now: a rank reports no
 * more as ready. On the host all that are published, on CUDA those that are registered. */
PEGA_EXPORT int pega_transfer_slabs_ready(const pega_transfer *transfer, uint32_t *slabs_ready);
/* QUICK. 1 when this transfer can load synchronously at all, else 0: too little GPU memory was left. */
PEGA_EXPORT int pega_transfer_sync_possible(const pega_transfer *transfer, int *possible);

enum pega_job_kind { PEGA_LOAD_SYNC = 0, PEGA_LOAD_ASYNC = 1, PEGA_STORE = 2 };

typedef struct pega_job {
  uint32_t struct_bytes;
  uint32_t kind;
  const uint32_t *device_blocks; /* block_count of them, paired with slots */
  const pega_slot *slots;
  uint64_t block_count;
  const uint32_t *group_ends; /* loads: end layer of each group, rising; none: one group */
  uint64_t group_count;
  /* CUDA: a stream (CUstream as a number; 0 is the legacy default stream), behind whose work until
   * now the copy begins. NULL: at once. PEGA_UNSUPPORTED on the host. */
  const uint64_t *after_stream;
} pega_job;

/* BLOCKS for no copy, but its time grows with the blocks: one call a step, through CDLL. Loads go
 * before stores, synchronous ones first, groups of layers in order. On CUDA all of a synchronous
 * load has been given to the driver when this returns. */
PEGA_EXPORT int pega_transfer_submit(pega_transfer *transfer, const pega_job *job, uint64_t *job_id);

/* QUICK. CUDA: makes a stream go on only when the group's bytes are there; the caller goes on at once.
 * Of synchronous loads. An error is why the group can't come, or PEGA_UNSUPPORTED on the host:
 * nothing may be computed upon those blocks then, before pega_transfer_wait says PEGA_OK. */
PEGA_EXPORT int pega_transfer_stream_wait(pega_transfer *transfer, uint64_t job_id, uint32_t group,
                                          uint64_t stream);

/* BLOCKS until the group of the job has ended, at most timeout_ms (0: only looks, QUICK).
 * PEGA_OK, PEGA_TIMEOUT, or what the job failed with. */
PEGA_EXPORT int pega_transfer_wait(pega_transfer *transfer, uint64_t job_id, uint32_t group,
                                   uint32_t timeout_ms);

typedef struct pega_job_report {
  uint32_t struct_bytes; /* set it before the call */
  uint32_t done;         /* 1: nothing of the job will be copied any more */
  uint32_t groups_done;  /* that ended well */
  int32_t code;          /* of a job that is done */
} pega_job_report;

/* BLOCKS for no copy, but its time grows with the blocks: CDLL. Into how many groups of about
 * layers_per_group layers a synchronous load can be cut, so that submitting it makes at most calls_max
 * calls of the driver: the groups' end layers, for pega_job. `ends` has room for as many as there
 * are layers (pega_transfer_shape). 0 groups: not even one fits. The host makes no such calls. */
PEGA_EXPORT int pega_transfer_fit_groups(const pega_transfer *transfer,
                                         const uint32_t *device_blocks, const pega_slot *slots,
                                         uint64_t block_count, uint32_t layers_per_group,
                                         uint64_t calls_max, uint32_t *ends, uint64_t *end_count);

/* QUICK. A job that failed is PEGA_OK here and has its code in the report; pega_last_message() has
 * the job's message then. */
PEGA_EXPORT int pega_transfer_poll(pega_transfer *transfer, uint64_t job_id,
                                   pega_job_report *report);
/* QUICK. Every job must be forgotten once: its report is kept until then. Cancels nothing. */
PEGA_EXPORT int pega_transfer_forget(pega_transfer *transfer, uint64_t job_id);

typedef struct pega_transfer_stats {
  uint32_t struct_bytes; /* set it before the call */
  uint32_t jobs_now;
  uint64_t load_bytes_total;
  uint64_t store_bytes_total;
  uint64_t load_jobs_total;
  uint64_t store_jobs_total;
  uint64_t failed_jobs_total;
  uint64_t load_busy_ns_total;
  uint64_t store_busy_ns_total;
  /* CUDA alone, else 0: */
  uint64_t driver_calls_total; /* of all threads */
  uint64_t submit_ns_total;    /* of callers, while synchronous loads were given to the driver */
  uint64_t staged_bytes_total; /* copied through staging, and directly */
  uint64_t direct_bytes_total;
  uint64_t staging_bytes;        /* of GPU memory */
  uint64_t device_bytes;         /* all GPU memory taken, staging included */
  uint64_t registered_bytes;     /* of slabs */
  uint64_t registering_ns_total; /* in the driver */
  uint32_t slabs_registered;     /* from the first on without a gap */
  int32_t slab_code; /* why a slab was left out, pega_last_message() has the message; 0: none was */
} pega_transfer_stats;

/* QUICK. */
PEGA_EXPORT int pega_transfer_get_stats(const pega_transfer *transfer, pega_transfer_stats *stats);

/* BLOCKS until no copy runs; what has not started ends with PEGA_CANCELLED. NULL is Ok. */
PEGA_EXPORT int pega_transfer_close(pega_transfer *transfer);

#ifdef __cplusplus
}
#endif

#endif /* PEGA_H_ */
