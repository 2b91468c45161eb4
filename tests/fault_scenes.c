/* SPDX-License-Identifier: MIT */
/* Every command over images of each kind, for faults.c, and the files that they need. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/le.h"
#include "build.h"
#include "faults.h"

const struct fault_scene fault_scenes[] = {
    {.name = "check, clean", .words = {"check", "clean.vhdx"}},
    {.name = "check, json", .words = {"check", "-f", "json", "clean.vhdx"}},
    {.name = "check, corrupt", .words = {"check", "corrupt.vhdx"}},
    {.name = "check, corrupt, jsonl", .words = {"check", "-f", "jsonl", "corrupt.vhdx", "clean.vhdx", "-j", "1"}},
    {.name = "check, corrupt, sarif", .words = {"check", "-f", "sarif", "corrupt.vhdx"}},
    {.name = "check, corrupt, html", .words = {"check", "-f", "html", "corrupt.vhdx"}},
    {.name = "check, dirty", .words = {"check", "dirty.vhdx"}},
    {.name = "check, dirty, json", .words = {"check", "-f", "json", "dirty.vhdx"}},
    {.name = "check, dirty, stored view", .words = {"check", "--no-replay", "dirty.vhdx"}},
    {.name = "check, unreadable", .words = {"check", "-f", "json", "unreadable.vhdx"}},
    {.name = "check, child alone", .words = {"check", "child.avhdx"}},
    {.name = "check, child and parent",
     .words = {"check", "--parent", "parent.vhdx", "child.avhdx"},
     .passes_over = true},
    {.name = "check, parent searched", .words = {"check", "--search-dir", ".", "child.avhdx"}, .passes_over = true},
    {.name = "check, deep", .words = {"check", "--deep", "corrupt.vhdx"}},
    {.name = "check, deep, child and parent",
     .words = {"check", "--deep", "--parent", "parent.vhdx", "child.avhdx"},
     .passes_over = true},
    {.name = "check, for an upload", .words = {"check", "--profile", "azure", "-f", "json", "corrupt.vhdx"}},
    {.name = "check, a pipe", .words = {"check", "-"}, .input = "small.vhdx", .pipe = true},
    {.name = "check, standard input", .words = {"check", "-"}, .input = "clean.vhdx", .passes_over = true},
    {.name = "check, a list", .words = {"check", "-j", "1", "--files-from", "list"}},
    {.name = "check, into a file", .words = {"check", "-o", "out", "corrupt.vhdx"}, .result = RESULT_OUT},
    {.name = "info", .words = {"info", "clean.vhdx"}},
    {.name = "info, json", .words = {"info", "-f", "json", "child.avhdx"}},
    {.name = "dump", .words = {"dump", "dirty.vhdx", "all"}},
    {.name = "dump, json", .words = {"dump", "-f", "json", "child.avhdx", "all"}},
    {.name = "dump, hex", .words = {"dump", "clean.vhdx", "headers", "--hex"}},
    {.name = "log", .words = {"log", "dirty.vhdx"}},
    {.name = "log, plan", .words = {"log", "--plan", "-f", "json", "dirty.vhdx"}},
    {.name = "log, stale", .words = {"log", "stale.vhdx"}},
    {.name = "map", .words = {"map", "dirty.vhdx"}},
    {.name = "map, json", .words = {"map", "-f", "jsonl", "--parent", "parent.vhdx", "child.avhdx"}},
    {.name = "map, layout", .words = {"map", "--layout", "corrupt.vhdx"}},
    {.name = "read", .words = {"read", "clean.vhdx", "--offset", "0", "--length", "4M"}},
    {.name = "read, child",
     .words = {"read", "--parent", "parent.vhdx", "child.avhdx", "--offset", "0", "--length", "4M"}},
    {.name = "export", .words = {"export", "clean.vhdx", "out"}, .result = RESULT_OUT},
    {.name = "export, salvage",
     .words = {"export", "--salvage", "corrupt.vhdx", "out"},
     .salvages = true,
     .result = RESULT_OUT},
    {.name = "hash", .words = {"hash", "dirty.vhdx"}},
    {.name = "hash, json", .words = {"hash", "-f", "json", "--parent", "parent.vhdx", "child.avhdx"}},
    {.name = "compare, same", .words = {"compare", "clean.vhdx", "stale.vhdx"}},
    {.name = "compare, different", .words = {"compare", "clean.vhdx", "parent.vhdx"}},
    {.name = "chain", .words = {"chain", "."}, .passes_over = true},
    {.name = "chain, json", .words = {"chain", "-f", "json", "child.avhdx", "parent.vhdx"}},
    {.name = "metadump", .words = {"metadump", "corrupt.vhdx", "-o", "out"}, .result = RESULT_OUT},
    {.name = "metadump, json",
     .words = {"metadump", "-f", "json", "--no-redact", "dirty.vhdx", "-o", "out"},
     .result = RESULT_OUT},
    {.name = "carve", .words = {"carve", "corrupt.vhdx"}},
    {.name = "carve, json", .words = {"carve", "-f", "json", "unreadable.vhdx"}},
    {.name = "explain", .words = {"explain", "VHDX-BAT-016"}, .no_sandbox_option = true},
    {.name = "rules", .words = {"rules", "-f", "json"}, .no_sandbox_option = true},
    {.name = "repair, plan", .words = {"repair", "corrupt.vhdx"}},
    {.name = "repair, plan, json", .words = {"repair", "-f", "json", "dirty.vhdx"}},
    {.name = "repair, apply",
     .words = {"repair", "--apply", "w.vhdx"},
     .result = RESULT_WHOLE,
     .image = "mendable.vhdx",
     .settle = {"undo", "w.vhdx"}},
    {.name = "repair, a copy", .words = {"repair", "--copy", "out", "mendable.vhdx"}, .result = RESULT_OUT},
    {.name = "undo",
     .words = {"undo", "w.vhdx"},
     .result = RESULT_WHOLE,
     .image = "repaired.vhdx",
     .journal = "repaired.journal",
     .settle = {"undo", "w.vhdx"}},
    {.name = "replay", .words = {"replay", "w.vhdx"}, .result = RESULT_GUEST, .image = "dirty.vhdx"},
    {.name = "write, a present block",
     .words = {"write", "w.vhdx", "--offset", "4096"},
     .input = "sector",
     .result = RESULT_GUEST,
     .image = "clean.vhdx"},
    {.name = "write, a new block",
     .words = {"write", "w.vhdx", "--offset", "10M"},
     .input = "sector",
     .result = RESULT_GUEST,
     .image = "clean.vhdx"},
    {.name = "create", .words = {"create", "out", "--size", "1G"}, .result = RESULT_OUT},
    {.name = "create, child", .words = {"create", "out", "--parent", "parent.vhdx"}, .result = RESULT_OUT},
};
const size_t fault_scene_count = sizeof(fault_scenes) / sizeof(fault_scenes[0]);

/* ---- files ---- */

static void save(struct img *img, const char *name)
{
    img_save(img, name);
    img_free(img);
}

static void save_bytes(const char *name, const void *bytes, size_t len)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || write(fd, bytes, len) != (ssize_t)len || close(fd) != 0) {
        perror(name);
        abort();
    }
}

/* The log brings block 1 and zeros a free page of the metadata. */
static struct img *dirty(void)
{
    struct img *img = img_create(NULL);
    uint64_t bat = img_bat_entry_off(img, 0), page_off = bat / LOG_SECTOR_LEN * LOG_SECTOR_LEN;
    const struct img_log_desc descs[] = {{.off = page_off, .page = img_page_copy(img, bat)},
                                         {.off = img->metadata_off + 0x20000, .len = LOG_SECTOR_LEN}};
    img_make_dirty(img, descs, 2);
    img_bat_set(img, img_block_index(img, 0), 0);
    return img;
}

static void damage_header(struct img *img)
{
    img_header(img, 0)[IMG_HEADER_RESERVED] ^= 1;
}

void fault_files_make(void)
{
    static const char list[] = "clean.vhdx\ncorrupt.vhdx\n";
    uint8_t sector[4096];

    save(img_create(NULL), "clean.vhdx");
    save(img_create(&(struct img_params){.virtual_size = 4 * MIB, .states = "6"}), "small.vhdx");
    struct img *img = img_create(NULL);
    img_bat_set(img, img_block_index(img, 4), img_bat_get(img, 0)); /* two blocks, one place */
    img_bat_set(img, img_block_index(img, 5), 4);
    damage_header(img);
    save(img, "corrupt.vhdx");
    save(dirty(), "dirty.vhdx");
    img = dirty();
    img_bat_set(img, img_block_index(img, 0), bat_entry_make(img->payload_off, PAYLOAD_FULLY_PRESENT));
    img_log_end(img);
    save(img, "stale.vhdx");
    img = img_create(NULL);
    memset(img_region_table(img, 0), 0, REGION_TABLE_LEN);
    memset(img_region_table(img, 1), 0, REGION_TABLE_LEN);
    save(img, "unreadable.vhdx");
    img = img_create(NULL);
    damage_header(img);
    img_region_table(img, 1)[100] ^= 1;
    put_le64(img_bytes(img, img_bat_entry_off(img, 5), 8), 0x10); /* reserved bits */
    save(img, "mendable.vhdx");
    struct img *parent = img_create(&(struct img_params){.seed = 4});
    img_save(parent, "parent.vhdx");
    save(img_create(&(struct img_params){.type = IMG_DIFFERENCING, .parent = parent}), "child.avhdx");
    img_free(parent);
    memset(sector, 0xA5, sizeof(sector));
    save_bytes("sector", sector, sizeof(sector));
    save_bytes("list", list, sizeof(list) - 1);
}
