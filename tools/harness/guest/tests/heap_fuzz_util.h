/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Random ALLOCs of one task, for the soak: lengths, flags, structures of other sizes, bad
 * pointers. A buffer is given for a sane request only. It has the size that was asked
 * for, and is zero.
 */
#ifndef HEAP_FUZZ_UTIL_H
#define HEAP_FUZZ_UTIL_H

#include <sys/sysinfo.h>

#include "heap_pool_util.h"
#include "kselftest.h"

#define NR_FUZZ_SLOTS	16
#define MAX_FUZZ_LEN	(4 * MIB)

struct fuzzer {
	unsigned int rnd;
	unsigned long done, untold;
	int heap;
	int *slots;		/* NR_FUZZ_SLOTS buffers, or -1 */
	const char *wrong;	/* the first thing that went wrong */
	char *page;		/* writable, the next one is not mapped */
	unsigned long long memory;
};

static unsigned long long random64(struct fuzzer *f)
{
	return (unsigned long long)next_random(&f->rnd) << 32 | next_random(&f->rnd);
}

static unsigned int below(struct fuzzer *f, unsigned int n)
{
	return next_random(&f->rnd) % n;
}

/* Sensible lengths, edge cases and nonsense */
static unsigned long long random_len(struct fuzzer *f)
{
	static const unsigned long long edges[] = {
		0, 1, 4095, 4096, 4097, 65535, 65536, 65537, MIB - 1, MIB,
		MIB + 1, 2 * MIB + 5, 1ULL << 31, (1ULL << 32) - 1, 1ULL << 32,
		(1ULL << 32) + 4096, 1ULL << 40, 1ULL << 52, 1ULL << 62,
		(1ULL << 63) - 4096, (1ULL << 63) - 1, 1ULL << 63,
		~0ULL - 4096, ~0ULL - 4095, ~0ULL - 1, ~0ULL,
	};

	switch (below(f, 8)) {
	case 0:
	case 1:
		return edges[below(f, ARRAY_SIZE(edges))];
	case 2:
		return random64(f) >> below(f, 64);
	case 3:
		return f->memory + 1 + below(f, 1 << 28);
	case 4:
		return below(f, MAX_FUZZ_LEN);
	default:
		return (1 + below(f, 32)) * 4096;
	}
}

static void wrong(struct fuzzer *f, const char *what)
{
	if (!f->wrong)
		f->wrong = what;
}

static void store(struct fuzzer *f, int buf)
{
	int *slot = &f->slots[below(f, NR_FUZZ_SLOTS)];

	if (*slot >= 0)
		close(*slot);
	*slot = buf;
}

/* A length as the kernel sees it: whole pages, truncated to size_t */
static unsigned long long seen_len(unsigned long long len)
{
	return (size_t)((len + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES);
}

static void op_alloc(struct fuzzer *f)
{
	struct dma_heap_allocation_data data = {
		.len = random_len(f),
		.fd_flags = O_RDWR | O_CLOEXEC,
	};
	unsigned long long len;
	bool sane;
	int ret;

	/* Lengths that would use up most memory are not the point here */
	len = seen_len(data.len);
	if (len > MAX_FUZZ_LEN && len <= f->memory)
		data.len = data.len % MAX_FUZZ_LEN + 1;
	len = seen_len(data.len);
	if (!below(f, 8))
		data.fd_flags = next_random(&f->rnd) >> below(f, 32);
	if (!below(f, 8))
		data.heap_flags = random64(f) >> below(f, 64);
	if (!below(f, 8))
		data.fd = next_random(&f->rnd) >> below(f, 32);
	sane = !(data.fd_flags & ~(O_ACCMODE | O_CLOEXEC)) &&
	       !data.heap_flags && !data.fd;
	ret = ioctl(f->heap, DMA_HEAP_IOCTL_ALLOC, &data);
	if (ret) {
		if (errno != EINVAL && errno != ENOMEM && errno != EMFILE)
			wrong(f, "errno of ALLOC");
		if (sane && len && len <= MAX_FUZZ_LEN && errno != ENOMEM)
			wrong(f, "sane ALLOC refused");
		return;
	}
	if (!sane || !len || len > f->memory)
		wrong(f, "senseless ALLOC granted");
	if (buf_size(data.fd) != len)
		wrong(f, "size");
	if ((data.fd_flags & O_ACCMODE) == O_RDWR &&
	    buf_check_and_soil(data.fd) != -1)
		wrong(f, "buffer not zero");
	store(f, data.fd);
}

/* Other sizes of the structure, other numbers, bad pointers */
static void op_heap_ioctl(struct fuzzer *f)
{
	size_t size = below(f, 2) ? below(f, 64) : below(f, 4096);
	unsigned int nr = below(f, 4) ? 0 : below(f, 256);
	unsigned int dir = below(f, 4) ? 3 : below(f, 4);
	char *arg = f->page + 4096 - size;
	struct dma_heap_allocation_data *data = (void *)arg;
	unsigned long cmd;
	size_t i;
	int fd;

	for (i = 0; i < size; i++)
		arg[i] = below(f, 8) ? 0 : next_random(&f->rnd);
	if (size >= sizeof(*data) && below(f, 4)) {
		*data = (struct dma_heap_allocation_data) {
			.len = 1 + below(f, 65536),
			.fd_flags = O_RDWR,
		};
	}
	/* A descriptor that nobody is told of stays open: not too many */
	if ((!(dir & _IOC_READ) || size < 12) && f->untold++ > 50)
		memset(arg, 0, size);
	/* Not gigabytes by chance */
	for (i = 3; i < 8 && i < size; i++)
		arg[i] = below(f, 2) ? 0 : -1;
	cmd = _IOC(dir, below(f, 16) ? DMA_HEAP_IOC_MAGIC : below(f, 256), nr,
		   size);
	switch (below(f, 8)) {
	case 0:
		/* It ends where nothing is mapped */
		arg += 1 + below(f, 64);
		break;
	case 1:
		arg = (char *)(unsigned long)random64(f);
		break;
	case 2:
		arg = NULL;
		break;
	}
	if (ioctl(f->heap, cmd, arg))
		return;
	/* The kernel has stored the descriptor in @arg, if there was room */
	if (nr == 0 && (dir & _IOC_READ) && size >= 12) {
		memcpy(&fd, arg + 8, sizeof(fd));
		store(f, fd);
	}
}

static void op_close(struct fuzzer *f)
{
	store(f, -1);
}

static void (* const fuzz_ops[])(struct fuzzer *f) = {
	op_alloc, op_alloc, op_heap_ioctl, op_close, op_close,
};

/* The same @seed gives the same operations. Returns false if something is missing. */
static bool fuzz_init(struct fuzzer *f, unsigned int seed, int *slots)
{
	struct sysinfo si;
	long size = sysconf(_SC_PAGESIZE);
	char *pages = mmap(NULL, 3 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (pages == MAP_FAILED || sysinfo(&si))
		return false;
	*f = (struct fuzzer) {
		.rnd = seed + !seed,
		.heap = heap_open(),
		.slots = slots,
		.page = pages + 2 * size - 4096,
		.memory = (unsigned long long)si.totalram * si.mem_unit,
	};
	return f->heap >= 0 && !mprotect(pages + size, size, PROT_READ | PROT_WRITE);
}

static void fuzz_one(struct fuzzer *f)
{
	fuzz_ops[below(f, ARRAY_SIZE(fuzz_ops))](f);
	f->done++;
}

#endif /* HEAP_FUZZ_UTIL_H */
