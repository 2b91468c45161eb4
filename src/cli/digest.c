/* SPDX-License-Identifier: MIT */
/*
 * libcrypto is loaded when a digest is wanted, not with the program: mapping and relocating it costs every start about
 * 0.8 ms and 1.6 MiB, a third of what checking a small image takes, and a scan of thousands of files would pay it each
 * time. Loading happens before any image is opened. The library's own configuration file is not read: it could load
 * other code and change what an algorithm's name means.
 */
#include "cli/digest.h"

#include <dlfcn.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/checked.h"
#include "cli/cli.h"

enum { ZERO_CHUNK = 256 * 1024 };

#define QUOTE(x) #x
#define LIBRARY_OF(version) "libcrypto.so." QUOTE(version)
static const char library_name[] = LIBRARY_OF(OPENSSL_SHLIB_VERSION);

static struct {
    __typeof__(&OPENSSL_init_crypto) init;
    __typeof__(&EVP_MD_fetch) fetch;
    __typeof__(&EVP_MD_free) free;
    __typeof__(&EVP_MD_get_size) size;
    __typeof__(&EVP_MD_get_flags) flags;
    __typeof__(&EVP_MD_CTX_new) context_new;
    __typeof__(&EVP_MD_CTX_free) context_free;
    __typeof__(&EVP_DigestInit_ex) begin;
    __typeof__(&EVP_DigestUpdate) update;
    __typeof__(&EVP_DigestFinal_ex) final;
} crypto;

#ifdef VHDXRAY_STATIC
/* A static program has libcrypto inside. */
static bool load(void)
{
    crypto.init = OPENSSL_init_crypto;
    crypto.fetch = EVP_MD_fetch;
    crypto.free = EVP_MD_free;
    crypto.size = EVP_MD_get_size;
    crypto.flags = EVP_MD_get_flags;
    crypto.context_new = EVP_MD_CTX_new;
    crypto.context_free = EVP_MD_CTX_free;
    crypto.begin = EVP_DigestInit_ex;
    crypto.update = EVP_DigestUpdate;
    crypto.final = EVP_DigestFinal_ex;
    return crypto.init(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}
#else
/* dlsym() returns a data pointer; POSIX has it hold a function's address all the same. */
static bool find(void *library, const char *name, void *ret)
{
    void *address = dlsym(library, name);

    memcpy(ret, &address, sizeof(address));
    return address != NULL;
}

static bool load(void)
{
    void *library = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);

    return library != NULL && find(library, "OPENSSL_init_crypto", &crypto.init) &&
           find(library, "EVP_MD_fetch", &crypto.fetch) && find(library, "EVP_MD_free", &crypto.free) &&
           find(library, "EVP_MD_get_size", &crypto.size) && find(library, "EVP_MD_get_flags", &crypto.flags) &&
           find(library, "EVP_MD_CTX_new", &crypto.context_new) &&
           find(library, "EVP_MD_CTX_free", &crypto.context_free) &&
           find(library, "EVP_DigestInit_ex", &crypto.begin) && find(library, "EVP_DigestUpdate", &crypto.update) &&
           find(library, "EVP_DigestFinal_ex", &crypto.final) &&
           crypto.init(OPENSSL_INIT_NO_LOAD_CONFIG | OPENSSL_INIT_NO_ATEXIT, NULL) == 1;
}
#endif

/* ---- the set ---- */

const char digest_usual_names[] = "sha256 sha1 md5 sha224 sha384 sha512 sha3-256 sha3-512 blake2b512 blake2s256";

static int add_name(struct digest_set *set, const char *name, size_t len)
{
    char word[DIGEST_NAME_SIZE] = "";

    if (len == 0 || len >= sizeof(word)) {
        message("hash: \"%.*s\" is no name of an algorithm", (int)u64_min(len, 64), name);
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < len; i++)
        word[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
    for (uint32_t i = 0; i < set->count; i++) {
        if (strcmp(set->names[i], word) == 0)
            return EXIT_OK;
    }
    if (set->count == DIGEST_MOST) {
        message("hash: more than %d algorithms", DIGEST_MOST);
        return EXIT_USAGE;
    }
    EVP_MD *md = crypto.fetch(NULL, word, NULL);
    int size = md != NULL ? crypto.size(md) : 0;
    if (size <= 0 || 2 * size >= DIGEST_HEX_SIZE || (crypto.flags(md) & EVP_MD_FLAG_XOF) != 0) {
        crypto.free(md);
        message("hash: no algorithm is called \"%s\"; there are %s and others of libcrypto", word, digest_usual_names);
        return EXIT_USAGE;
    }
    memcpy(set->names[set->count], word, sizeof(word));
    set->methods[set->count++] = md;
    return EXIT_OK;
}

static int add_list(struct digest_set *set, const char *list)
{
    int code = EXIT_OK;

    while (code == EXIT_OK) {
        size_t len = strcspn(list, ",");
        code = add_name(set, list, len);
        if (list[len] == '\0')
            break;
        list += len + 1;
    }
    return code;
}

int digest_set_open(const struct words *words, struct digest_set *ret)
{
    int code = EXIT_OK;

    *ret = (struct digest_set){.count = 0};
    if (!load()) {
        message("hash: %s cannot be loaded; it is part of OpenSSL 3", library_name);
        return EXIT_IMPOSSIBLE;
    }
    if (words->count == 0)
        code = add_name(ret, "sha256", 6);
    for (uint32_t i = 0; i < words->count && code == EXIT_OK; i++)
        code = add_list(ret, words->items[i]);
    if (code != EXIT_OK)
        digest_set_close(ret);
    return code;
}

void digest_set_close(struct digest_set *set)
{
    for (uint32_t i = 0; i < set->count; i++)
        crypto.free((EVP_MD *)set->methods[i]);
    set->count = 0;
}

/* ---- one stream ---- */

bool digest_begin(struct digest *d, const struct digest_set *set)
{
    *d = (struct digest){.set = set};
    for (uint32_t i = 0; i < set->count; i++) {
        d->contexts[i] = crypto.context_new();
        if (d->contexts[i] == NULL ||
            crypto.begin((EVP_MD_CTX *)d->contexts[i], (const EVP_MD *)set->methods[i], NULL) != 1) {
            digest_close(d);
            return false;
        }
    }
    return true;
}

bool digest_data(struct digest *d, const void *bytes, size_t len)
{
    for (uint32_t i = 0; i < d->set->count; i++) {
        if (crypto.update((EVP_MD_CTX *)d->contexts[i], bytes, len) != 1)
            return false;
    }
    d->length += len;
    return true;
}

bool digest_zeros(struct digest *d, uint64_t len)
{
    static const uint8_t zeros[ZERO_CHUNK];

    for (; len > 0; len -= u64_min(len, sizeof(zeros))) {
        if (!digest_data(d, zeros, (size_t)u64_min(len, sizeof(zeros))))
            return false;
    }
    return true;
}

bool digest_end(struct digest *d)
{
    for (uint32_t i = 0; i < d->set->count; i++) {
        unsigned char value[EVP_MAX_MD_SIZE] = {0};
        unsigned len = 0;

        if (crypto.final((EVP_MD_CTX *)d->contexts[i], value, &len) != 1 || 2 * (size_t)len >= DIGEST_HEX_SIZE)
            return false;
        for (unsigned k = 0; k < len; k++)
            (void)snprintf(d->hex[i] + 2 * (size_t)k, 3, "%02x", value[k]);
    }
    return true;
}

void digest_close(struct digest *d)
{
    for (uint32_t i = 0; d->set != NULL && i < d->set->count; i++) {
        crypto.context_free((EVP_MD_CTX *)d->contexts[i]);
        d->contexts[i] = NULL;
    }
}
