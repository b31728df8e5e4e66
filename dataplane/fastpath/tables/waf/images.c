/* images.c: the memory of a database: the control loop fills it once; then it is read-only. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "tables/memory/memory.h"
#include "waf_private.h"

struct sb_waf_image {
    void *bytes;
    uint64_t size;
};

int sb_waf_image_create(uint64_t size, struct sb_waf_image **out) {
    struct sb_waf_image *image;

    if (size == 0 || size > SB_WAF_IMAGE_MAX)
        return -EINVAL;
    image = calloc(1, sizeof(*image));
    if (image == NULL)
        return -ENOMEM;
    image->size = size;
    image->bytes = sb_memory_map(size);
    if (image->bytes == NULL) {
        free(image);
        return -ENOMEM;
    }
    *out = image;
    return 0;
}

void sb_waf_image_destroy(struct sb_waf_image *image) {
    if (image == NULL)
        return;
    sb_memory_unmap(image->bytes, image->size);
    free(image);
}

void *sb_waf_image_bytes(const struct sb_waf_image *image) {
    return image->bytes;
}

int sb_waf_image_seal(const struct sb_waf_image *image) {
    return mprotect(image->bytes, image->size, PROT_READ) == 0 ? 0 : -errno;
}
