// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * From freed to zeroed to kept, see heap_recycle.h
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/vmstat.h>

#include "heap_bins.h"
#include "heap_recycle.h"
#include "heap_sgl.h"

/* Pages to take at a time under the queue's spinlock. */
#define TAKE_MAX	32

/**
 * struct heap_taken - pages that one context has just taken off the queue
 * @recycle:	whose they are
 * @batch:	what to gather them in, or %NULL to release them
 * @nr:		pages in @pages
 * @pages:	head pages
 */
struct heap_taken {
	struct heap_recycle *recycle;
	struct heap_batch *batch;
	unsigned int nr;
	struct page *pages[TAKE_MAX];
};

/**
 * struct heap_batch - pages that the helper zeroes together
 * @taken:	what it has taken and not looked at yet
 * @refill_nid:	node of a page of order 0 that no bin owned, or %NUMA_NO_NODE
 * @nr:		pages in @pages
 * @nr_pages:	the same in base pages
 * @pages:	head pages; the last one may exceed %HEAP_ZERO_BATCH base pages
 * @map:	for heap_zero_pages()
 */
struct heap_batch {
	struct heap_taken taken;
	int refill_nid;
	unsigned int nr;
	unsigned int nr_pages;
	struct page *pages[HEAP_ZERO_BATCH];
	struct page *map[HEAP_ZERO_BATCH + HEAP_MAX_PAGES - 1];
};

/* Zero the batch and put it into the bins. */
static void heap_batch_flush(struct heap_batch *batch)
{
	struct heap_recycle *recycle = batch->taken.recycle;
	bool zeroed = true;
	unsigned int i;

	if (!batch->nr)
		return;

	if (READ_ONCE(*recycle->method) == HEAP_ZERO_DIRECT) {
		for (i = 0; i < batch->nr; i++)
			heap_zero_direct(batch->pages[i]);
	} else {
		zeroed = heap_zero_pages(batch->pages, batch->nr, batch->map);
	}

	if (zeroed) {
		heap_bins_put(recycle->bins, batch->pages, batch->nr);
		atomic_long_add(batch->nr_pages, &recycle->zeroed);
	} else {
		/* Nobody may see again what could not be zeroed. */
		for (i = 0; i < batch->nr; i++)
			heap_bin_release(batch->pages[i]);
		atomic_long_add(batch->nr_pages, &recycle->zero_failed);
	}
	batch->nr = 0;
	batch->nr_pages = 0;
}

/* The page allocator knows what to do with a page that went bad. */
static bool heap_page_poisoned(struct page *page)
{
	unsigned int i;

	if (IS_ENABLED(CONFIG_MEMORY_FAILURE))
		for (i = 0; i < compound_nr(page); i++)
			if (PageHWPoison(page + i))
				return true;

	return false;
}

static void heap_batch_gather(struct heap_batch *batch, struct page *page)
{
	const struct heap_bins *bins = batch->taken.recycle->bins;

	/* Whoever else holds a reference may still write after we have zeroed it. */
	if (heap_bin_owns(page) && page_count(page) == 1 &&
	    heap_bins_have_room(bins, batch->nr_pages + compound_nr(page)) &&
	    !heap_page_poisoned(page)) {
		batch->pages[batch->nr++] = page;
		batch->nr_pages += compound_nr(page);
		return;
	}

	if (!PageCompound(page) && !heap_bin_owns(page))
		batch->refill_nid = page_to_nid(page);
	heap_bin_release(page);
}

static void heap_recycle_add_queued(struct heap_recycle *recycle, int nid,
				    long nr_pages)
{
	atomic_long_add(nr_pages, &recycle->queued[nid]);
	mod_node_page_state(NODE_DATA(nid), NR_KERNEL_MISC_RECLAIMABLE, nr_pages);
}

static void heap_recycle_account(struct heap_recycle *recycle,
				 struct heap_sgl *sgl, int sign)
{
	struct scatterlist *sg;
	int i;

	if (nr_online_nodes == 1) {
		heap_recycle_add_queued(recycle, page_to_nid(sg_page(sgl->first)),
					sign * (long)sgl->nr_pages);
		return;
	}

	for_each_sgtable_sg(&sgl->table, sg, i)
		heap_recycle_add_queued(recycle, page_to_nid(sg_page(sg)),
					sign * (long)(sg->length >> PAGE_SHIFT));
}

static unsigned long heap_recycle_take(struct deferred_free_item *item,
				       unsigned long nr_pages, void *taker)
{
	struct heap_sgl *sgl = container_of(item, struct heap_sgl, item);
	struct heap_taken *taken = taker;
	unsigned long done = 0;
	struct page *page;

	if (taken->batch)
		nr_pages = min(nr_pages, HEAP_ZERO_BATCH - taken->batch->nr_pages);
	while (done < nr_pages && taken->nr < TAKE_MAX) {
		page = heap_sgl_pop(sgl);
		if (!page)
			break;
		taken->pages[taken->nr++] = page;
		done += compound_nr(page);
	}

	return done;
}

static void heap_recycle_dispose(void *taker, bool last)
{
	struct heap_taken *taken = taker;
	struct heap_bins *bins = taken->recycle->bins;
	struct heap_batch *batch = taken->batch;
	struct page *page;
	unsigned int i;

	for (i = 0; i < taken->nr; i++) {
		page = taken->pages[i];
		heap_recycle_add_queued(taken->recycle, page_to_nid(page),
					-(long)compound_nr(page));
		if (batch)
			heap_batch_gather(batch, page);
		else
			heap_bin_release(page);
	}
	taken->nr = 0;
	if (!batch || (batch->nr_pages < HEAP_ZERO_BATCH && !last))
		return;

	/* Before it is flushed: only an empty bin is refilled. */
	if (batch->refill_nid != NUMA_NO_NODE)
		heap_bins_refill(bins, batch->refill_nid);
	batch->refill_nid = NUMA_NO_NODE;
	heap_batch_flush(batch);
	/* Others may have filled the room meanwhile. */
	heap_bins_trim(bins);
	if (last)
		heap_bins_trim_rings(bins);
}

static void heap_recycle_release(struct deferred_free_queue *queue,
				 struct deferred_free_item *item)
{
	struct heap_sgl *sgl = container_of(item, struct heap_sgl, item);

	heap_sgl_fini(sgl);
	container_of(queue, struct heap_recycle, queue)->free_buffer(sgl);
}

static const struct deferred_free_ops heap_recycle_ops = {
	.take = heap_recycle_take,
	.dispose = heap_recycle_dispose,
	.release = heap_recycle_release,
};

/**
 * heap_recycle_free - free a buffer, later if the queue has room
 * @recycle:	the heap's
 * @sgl:	its pages, not 0; freed with what it is embedded in
 *
 * Context: may sleep.
 */
void heap_recycle_free(struct heap_recycle *recycle, struct heap_sgl *sgl)
{
	struct page *page;

	if (READ_ONCE(recycle->bins->max_pages)) {
		/* Before the helper can see it. */
		heap_recycle_account(recycle, sgl, 1);
		if (deferred_free_add(&recycle->queue, &sgl->item, sgl->nr_pages))
			return;

		heap_recycle_account(recycle, sgl, -1);
		atomic_long_add(sgl->nr_pages, &recycle->refused);
	}

	while ((page = heap_sgl_pop(sgl)))
		heap_bin_release(page);
	heap_recycle_release(&recycle->queue, &sgl->item);
	heap_bins_trim_rings(recycle->bins);
}

/**
 * heap_recycle_shrink - give queued pages to the page allocator as they are
 * @recycle:	the heap's
 * @nr_pages:	base pages
 *
 * Context: any task context, also in reclaim. Takes a spinlock only.
 * Return: base pages given.
 */
unsigned long heap_recycle_shrink(struct heap_recycle *recycle,
				  unsigned long nr_pages)
{
	struct heap_taken taken = { .recycle = recycle };

	return deferred_free_run(&recycle->queue, nr_pages, &taken);
}

/**
 * heap_recycle_create - make an empty queue and start the helper thread
 * @name:	of the heap
 * @bins:	where zeroed pages go
 * @method:	see heap_pool_create()
 * @free_buffer: likewise
 *
 * The queue takes nothing until its bound is set.
 *
 * Context: may sleep.
 * Return: what to queue buffers in, or %NULL.
 */
struct heap_recycle *heap_recycle_create(const char *name, struct heap_bins *bins,
					 const enum heap_zero_method *method,
					 void (*free_buffer)(struct heap_sgl *sgl))
{
	struct heap_recycle *recycle;
	struct heap_batch *batch;

	recycle = kzalloc(struct_size(recycle, queued, nr_node_ids), GFP_KERNEL);
	batch = kzalloc_obj(*batch);
	if (!recycle || !batch ||
	    deferred_free_init(&recycle->queue, name, &heap_recycle_ops,
			       &batch->taken)) {
		kfree(batch);
		kfree(recycle);
		return NULL;
	}

	recycle->bins = bins;
	recycle->method = method;
	recycle->free_buffer = free_buffer;
	batch->taken.recycle = recycle;
	batch->taken.batch = batch;
	batch->refill_nid = NUMA_NO_NODE;

	return recycle;
}
