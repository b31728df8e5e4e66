/* sets.c: the databases in force, and the scratch memory with which each lcore scans them. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "waf_private.h"

static int fit(struct sb_waf_set *set, hs_scratch_t **model);
static int make_scratch(struct sb_waf_set *set, hs_scratch_t **model, size_t size);
static void free_scratch(struct sb_waf_scratch *scratch);

int sb_waf_set_create(uint32_t lcore_count, struct sb_waf_set **out) {
    struct sb_waf_set *set;

    if (lcore_count == 0 || lcore_count > SB_LCORES_MAX)
        return -EINVAL;
    set = aligned_alloc(_Alignof(struct sb_waf_set), sizeof(*set));
    if (set == NULL)
        return -ENOMEM;
    *set = (struct sb_waf_set){.lcore_count = lcore_count};
    *out = set;
    return 0;
}

void sb_waf_set_destroy(struct sb_waf_set *set) {
    if (set != NULL && set->scratch != NULL && --set->scratch->users == 0)
        free_scratch(set->scratch);
    free(set);
}

int sb_waf_set_add(struct sb_waf_set *set, uint32_t class, uint64_t address, uint64_t size) {
    const hs_database_t *database = (const hs_database_t *)(uintptr_t)address;
    size_t found = 0;

    /* Magic and version are in the first bytes; hs_database_size only reads these. */
    if (class >= SB_WAF_CLASS_COUNT || address % 64 != 0 || size < SB_CACHE_LINE || set->scratch)
        return -EINVAL;
    if (hs_database_size(database, &found) != HS_SUCCESS || found > size)
        return -EINVAL;
    if (set->count[class] == SB_WAF_DATABASES_MAX)
        return -ENOSPC;
    set->database[class][set->count[class]++] = database;
    set->classes |= 1u << class;
    set->bytes += size;
    return 0;
}

int sb_waf_set_build(struct sb_waf_set *set, struct sb_waf_set *before, bool is_ready) {
    struct sb_waf_scratch *shared = before == NULL ? NULL : before->scratch;
    hs_scratch_t *own = NULL, **model = shared == NULL ? &own : &shared->model;
    size_t fitted = 0;
    int result;

    set->is_ready = is_ready;
    if (set->classes == 0)
        return 0;
    if (shared != NULL && before->lcore_count != set->lcore_count)
        return -EINVAL;
    result = fit(set, model);
    if (result == 0 && hs_scratch_size(*model, &fitted) != HS_SUCCESS)
        result = -EINVAL;
    if (result == 0 && shared != NULL && fitted == shared->size) {
        set->scratch = shared;
        shared->users++;
        return 0;
    }
    if (result == 0)
        result = make_scratch(set, model, fitted);
    hs_free_scratch(own);
    return result;
}

uint64_t sb_waf_set_bytes(const struct sb_waf_set *set) {
    return set->bytes;
}

/* Enlarges the model so that it fits every database. */
static int fit(struct sb_waf_set *set, hs_scratch_t **model) {
    for (uint32_t class = 0; class < SB_WAF_CLASS_COUNT; class ++) {
        for (uint32_t i = 0; i < set->count[class]; i++) {
            hs_error_t error = hs_alloc_scratch(set->database[class][i], model);

            if (error != HS_SUCCESS)
                return error == HS_NOMEM ? -ENOMEM : -EINVAL;
        }
    }
    return 0;
}

/* Makes the scratch memory and takes the model over. If it fails, the caller keeps the model. */
static int make_scratch(struct sb_waf_set *set, hs_scratch_t **model, size_t size) {
    struct sb_waf_scratch *scratch = calloc(1, sizeof(*scratch));

    if (scratch == NULL)
        return -ENOMEM;
    for (; scratch->count < set->lcore_count; scratch->count++) {
        if (hs_clone_scratch(*model, &scratch->lcore[scratch->count]) != HS_SUCCESS) {
            free_scratch(scratch);
            return -ENOMEM;
        }
    }
    scratch->model = *model;
    *model = NULL;
    scratch->size = size;
    scratch->users = 1;
    set->scratch = scratch;
    return 0;
}

static void free_scratch(struct sb_waf_scratch *scratch) {
    for (uint32_t i = 0; i < scratch->count; i++)
        hs_free_scratch(scratch->lcore[i]);
    hs_free_scratch(scratch->model);
    free(scratch);
}
