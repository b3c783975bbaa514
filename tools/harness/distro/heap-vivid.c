// SPDX-License-Identifier: GPL-2.0
/*
 * Capture from vivid, the virtual camera, into buffers of the heap
 *
 * Each frame goes into a buffer of its own. It is closed while the driver still
 * writes to it, and its pages are zeroed and handed out again for the frames
 * that follow. Every byte is looked at twice: a new buffer is zero, and a frame
 * is all of one colour, with nothing in it of what it was filled with before.
 */
#include <linux/videodev2.h>

#include "kselftest_harness.h"
#include "heap_pool_util.h"

/* vivid's own controls; see vivid-ctrls.c */
#define VIVID_CID_TEST_PATTERN	0x00f0f000
#define VIVID_CID_OSD_TEXT_MODE	0x00f0f001
#define PATTERN_RED		7
#define OSD_TEXT_NONE		2

#define NR_FRAMES	300
#define NR_SLOTS	4
#define WIDTH		1280
#define HEIGHT		720

static const unsigned char red[3] = { 0xff, 0, 0 };

FIXTURE(vivid)
{
	struct heap_params params;
	void *map[NR_SLOTS];
	size_t image, size;	/* bytes of a frame, and of its buffer */
	int heap, video;
};

static int set_control(int video, unsigned int id, int value)
{
	struct v4l2_control control = { .id = id, .value = value };

	return ioctl(video, VIDIOC_S_CTRL, &control);
}

FIXTURE_SETUP(vivid)
{
	struct v4l2_requestbuffers request = {
		.count = NR_SLOTS,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = WIDTH,
			.height = HEIGHT,
			.pixelformat = V4L2_PIX_FMT_RGB24,
			.field = V4L2_FIELD_NONE,
		},
	};
	struct v4l2_streamparm parm = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.parm.capture.timeperframe = { 1, 60 },
	};
	struct v4l2_capability cap = {};

	ASSERT_EQ(NULL, heap_missing(&self->params));
	self->heap = heap_open();
	ASSERT_LE(0, self->heap);
	self->video = open("/dev/video0", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, self->video);
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_QUERYCAP, &cap));
	ASSERT_STREQ("vivid", (char *)cap.driver);

	ASSERT_EQ(0, ioctl(self->video, VIDIOC_S_FMT, &format));
	ASSERT_EQ(WIDTH * sizeof(red), format.fmt.pix.bytesperline);
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_S_PARM, &parm));
	ASSERT_EQ(0, set_control(self->video, VIVID_CID_TEST_PATTERN,
				 PATTERN_RED));
	ASSERT_EQ(0, set_control(self->video, VIVID_CID_OSD_TEXT_MODE,
				 OSD_TEXT_NONE));
	self->image = WIDTH * HEIGHT * sizeof(red);
	ASSERT_EQ(self->image, format.fmt.pix.sizeimage);
	self->size = (self->image + PAGE_BYTES - 1) & -PAGE_BYTES;
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_REQBUFS, &request));
	ASSERT_EQ(NR_SLOTS, request.count);
}

FIXTURE_TEARDOWN(vivid)
{
	close(self->video);
	close(self->heap);
}

/*
 * Queue a new buffer, soiled, and close it at once; the mapping stays. vb2 lets
 * go of the buffer that was in this slot before.
 */
static void queue_new(struct __test_metadata *_metadata,
		      FIXTURE_DATA(vivid) * self, int slot)
{
	struct v4l2_buffer vb = {
		.index = slot,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.length = self->size,
	};
	int buf = heap_alloc(self->heap, self->image);

	ASSERT_LE(0, buf);
	ASSERT_EQ(self->size, buf_size(buf));
	ASSERT_EQ(-1, buf_check_and_soil(buf))
		TH_LOG("a new buffer is not zero");
	self->map[slot] = buf_map(buf, self->size);
	ASSERT_NE(NULL, self->map[slot]);
	vb.m.fd = buf;
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_QBUF, &vb));
	ASSERT_EQ(0, close(buf));
}

/* Offset of the first byte of a frame that is not as it should be, or -1 */
static long long find_stale(const unsigned char *p, size_t image, size_t size)
{
	size_t i;

	for (i = 0; i < image; i++)
		if (p[i] != red[i % sizeof(red)])
			return i;
	for (; i < size; i++)
		if (p[i] != 0xa5)
			return i;
	return -1;
}

TEST_F_TIMEOUT(vivid, captures_into_new_buffers, 300)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;
	struct v4l2_requestbuffers none = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};
	struct heap_stats before, after;
	int i, frame;

	/* What the pools give is what these frames put there */
	ASSERT_TRUE(heap_drain_all(&before));
	for (i = 0; i < NR_SLOTS; i++)
		queue_new(_metadata, self, i);
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_STREAMON, &type));

	for (frame = 0; frame < NR_FRAMES; frame++) {
		struct v4l2_buffer vb = {
			.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
			.memory = V4L2_MEMORY_DMABUF,
		};

		ASSERT_EQ(0, ioctl(self->video, VIDIOC_DQBUF, &vb));
		ASSERT_FALSE(vb.flags & V4L2_BUF_FLAG_ERROR);
		ASSERT_EQ(self->image, vb.bytesused);
		ASSERT_EQ(-1, find_stale(self->map[vb.index], self->image,
					 self->size))
			TH_LOG("frame %d", frame);
		munmap(self->map[vb.index], self->size);
		queue_new(_metadata, self, vb.index);
	}

	ASSERT_EQ(0, ioctl(self->video, VIDIOC_STREAMOFF, &type));
	for (i = 0; i < NR_SLOTS; i++)
		munmap(self->map[i], self->size);
	ASSERT_EQ(0, ioctl(self->video, VIDIOC_REQBUFS, &none));

	/* Frames were taken from the pools, and no page stays with the driver */
	ASSERT_TRUE(heap_drain_all(&after));
	EXPECT_LT(heap_hits(&before), heap_hits(&after));
}

TEST_HARNESS_MAIN
