/* SPDX-License-Identifier: MIT */
/*
 * Conditions of rules from their other sides: each part of what makes a rule speak, alone, and lists that are longer
 * than what a message shows. Plain examples of the rules are in the tables of their subjects.
 */
#include <string.h>

#include "base/le.h"
#include "base/limits.h"
#include "cases.h"

static const struct img_params child = {.type = IMG_DIFFERENCING};

#define A_GUID "{31313131-3131-4131-8131-313131313131}"

/* ---- the host ---- */

static void on_another_device(struct image *image)
{
    image->host.info_after = image->host.info;
    image->host.info_after.device++;
    image->host.changed = true;
}

static void moved_to_another_device(struct scene *s)
{
    s->restat = on_another_device;
}

static void vhd_set(struct scene *s)
{
    s->path = "disk.vhds";
    img_fill(s->img, 0, 16, 'x');
}

static void change_tracking(struct scene *s)
{
    s->path = "disk.vhdx.RCT";
    img_fill(s->img, 0, 16, 'x');
}

static void other_content(struct scene *s)
{
    s->path = ".vhds"; /* a name, no extension */
    img_fill(s->img, 0, 16, 'x');
}

static void named_vhd(struct scene *s)
{
    s->path = "a.b/disk.vhd";
}

static void without_name(struct scene *s)
{
    s->path = NULL;
}

static void named_avhdx(struct scene *s)
{
    s->path = "disk.avhdx";
}

static const struct img_params fixed = {.type = IMG_FIXED};

/* ---- headers and region tables that end with the file ---- */

static void spoil(struct img *img, uint64_t off)
{
    *img_bytes(img, off, 1) ^= 1;
}

static void second_header_behind_end(struct img *img)
{
    spoil(img, HEADER_OFF[0] + 100);
    img_resize(img, HEADER_OFF[1]);
}

static void second_header_cut(struct img *img)
{
    spoil(img, HEADER_OFF[0] + 100);
    img_resize(img, HEADER_OFF[1] + 2048);
}

static void second_header_cut_without_signature(struct img *img)
{
    spoil(img, HEADER_OFF[1]);
    second_header_cut(img);
}

static void second_table_behind_end(struct img *img)
{
    spoil(img, REGION_TABLE_OFF[0] + 100);
    img_resize(img, REGION_TABLE_OFF[1]);
}

static void second_table_cut(struct img *img)
{
    spoil(img, REGION_TABLE_OFF[0] + 100);
    img_resize(img, REGION_TABLE_OFF[1] + 2048);
}

/* ---- two invalid headers: a repair only where both tell the same plausible log ---- */

static void both_invalid(struct img *img)
{
    spoil(img, HEADER_OFF[0] + 4);
    spoil(img, HEADER_OFF[1] + 4);
}

static void with_version(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[0] + IMG_HEADER_VERSION + 1);
}

static void with_log_version(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[0] + IMG_HEADER_LOG_VERSION);
}

static void with_odd_log_len(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[0] + IMG_HEADER_LOG_LEN);
}

static void with_odd_log_off(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[0] + IMG_HEADER_LOG_OFF);
}

static void with_low_log_off(struct img *img)
{
    both_invalid(img);
    put_le64(img_header(img, 0) + IMG_HEADER_LOG_OFF, 0);
}

static void with_second_odd(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[1] + IMG_HEADER_LOG_OFF);
}

static void with_other_log_len(struct img *img)
{
    both_invalid(img);
    put_le32(img_header(img, 1) + IMG_HEADER_LOG_LEN, 2 << 20);
}

static void with_other_log_off(struct img *img)
{
    both_invalid(img);
    put_le64(img_header(img, 1) + IMG_HEADER_LOG_OFF, 2 << 20);
}

static void with_other_log_guid(struct img *img)
{
    both_invalid(img);
    spoil(img, HEADER_OFF[1] + IMG_HEADER_LOG_GUID);
}

/* ---- parents that are looked for ---- */

static struct img *other_disk(uint64_t seed)
{
    return img_create(&(struct img_params){.data_write_guid = img_guid(IMG_WINDOWS, 'D', seed)});
}

static void three_names(struct scene *s)
{
    struct img *no_header = other_disk(7);
    spoil(no_header, HEADER_OFF[0]);
    spoil(no_header, HEADER_OFF[1]);
    s->search = true;
    img_set_locator(s->img,
                    (struct locator_string[]){{"parent_linkage", A_GUID},
                                              {"relative_path", ".\\one.vhdx"},
                                              {"volume_path", "\\\\?\\Volume" A_GUID "\\two.vhdx"},
                                              {"absolute_win32_path", "\\\\?\\C:\\one.vhdx"}},
                    4);
    scene_add(s, 0, "one.vhdx", other_disk(8));
    scene_add(s, 1, "one.vhdx", NULL);
    scene_add(s, 1, "two.vhdx", no_header);
}

/* ---- paths of the locator ---- */

static void relative_to_device(struct img *img)
{
    img_set_locator(
        img, (struct locator_string[]){{"parent_linkage", A_GUID}, {"relative_path", "\\\\.\\X\\parent.vhdx"}}, 2);
}

static void relative_to_volume(struct img *img)
{
    img_set_locator(img,
                    (struct locator_string[]){
                        {"parent_linkage", A_GUID},
                        {"relative_path", "\\\\?\\Volume{31313131-3131-3131-3131-313131313131}\\parent.vhdx"}},
                    2);
}

static void relative_to_host(struct img *img)
{
    img_set_locator(
        img, (struct locator_string[]){{"parent_linkage", A_GUID}, {"relative_path", "\\\\host\\x\\parent.vhdx"}}, 2);
}

/* ---- the log ---- */

enum { MANY = 1100 }; /* more than the findings that are kept of a rule */

static void many_targets_in_headers(struct img *img)
{
    static struct img_log_desc descs[MANY];
    for (unsigned i = 0; i < MANY; i++)
        descs[i] = (struct img_log_desc){.off = HEADER_OFF[0], .len = 4096};
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 1, .descs = descs, .desc_count = MANY});
}

static void all_findings(struct scene *s)
{
    s->check.max_findings = 2 * MANY;
}

static void many_targets_past_the_end(struct img *img)
{
    static struct img_log_desc descs[MANY];
    for (unsigned i = 0; i < MANY; i++)
        descs[i] = (struct img_log_desc){.off = TIB + i * MIB, .len = 4096};
    img_log_begin(img, 0, 1);
    img_log_write(img, 0, &(struct img_log_entry){.sequence_number = 1, .descs = descs, .desc_count = MANY});
}

/* Entries of 4 KiB, each a session of its own. */
static void many_sessions(struct img *img)
{
    for (uint32_t i = 0; i < LIMIT_LISTED + 3; i++)
        img_log_write(img, i * 4096,
                      &(struct img_log_entry){
                          .sequence_number = 7,
                          .tail = i * 4096,
                          .guid = img_guid(IMG_WINDOWS, 'S', 100 + i),
                      });
}

/* Live entries apart from each other: each a sequence of its own, the last one the newest. */
static void sequences(struct img *img, uint32_t n)
{
    img_log_begin(img, 0, 1);
    for (uint32_t i = 0; i < n; i++)
        img_log_write(img, i * 8192, &(struct img_log_entry){.sequence_number = 1 + 2 * i, .tail = i * 8192});
}

static void ten_sequences(struct img *img)
{
    sequences(img, 10);
}

static void one_sequence(struct img *img)
{
    sequences(img, 1);
}

/* Ten BAT pages of one entry, none of which is what the file holds. */
static void stale_pages(struct img *img)
{
    struct img_log_desc descs[10];
    for (unsigned i = 0; i < 10; i++) {
        uint64_t off = img->bat_off + i * 4096;
        uint8_t *page = img_page_copy(img, off);
        page[9] ^= 1;
        descs[i] = (struct img_log_desc){.off = off, .page = page};
    }
    img_log_write(img, 0,
                  &(struct img_log_entry){
                      .sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = descs, .desc_count = 10});
}

static void stale_pages_moved(struct img *img)
{
    struct img_log_desc descs[2];
    img_resize(img, img->size + MIB);
    for (unsigned i = 0; i < 2; i++)
        descs[i] = (struct img_log_desc){.off = img->size - MIB + i * 4096, .page = img_page_copy(img, img->bat_off)};
    img_log_write(img, 0,
                  &(struct img_log_entry){
                      .sequence_number = 7, .guid = img_guid(IMG_WINDOWS, 'S', 1), .descs = descs, .desc_count = 2});
}

/* ---- space ---- */

static const struct img_params ten_anchors = {.states = "UUUUUMMMMM"};
static const struct img_params eight_anchors = {.states = "UUUUMMMM.."};

static const struct img_block spread[] = {
    {.block = 0, .state = 6, .off = 4 << 20},  {.block = 1, .state = 6, .off = 8 << 20},
    {.block = 2, .state = 6, .off = 12 << 20}, {.block = 3, .state = 6, .off = 16 << 20},
    {.block = 4, .state = 6, .off = 20 << 20}, {.block = 5, .state = 6, .off = 24 << 20},
    {.block = 6, .state = 6, .off = 28 << 20}};
static const struct img_params six_gaps = {.states = "", .blocks = spread, .block_count = 7};
static const struct img_params four_gaps = {.states = "", .blocks = spread, .block_count = 5};

#define E SEVERITY_ERROR
#define W SEVERITY_WARNING
#define I SEVERITY_INFO

static const struct test_case cases[] = {
    {"edge-other-device", "VHDX-FILE-007", W, .damage = moved_to_another_device, .says = "led to another file"},
    {"edge-vhd-set", "VHDX-FILE-013", I, .damage = vhd_set, .guard = other_content, .also = "VHDX-FID-001",
     .guard_also = "VHDX-FID-001", .verdict = "unreadable", .says = "VHD Set"},
    {"edge-change-tracking", "VHDX-FILE-013", I, .damage = change_tracking, .also = "VHDX-FID-001",
     .verdict = "unreadable", .says = "change-tracking"},
    {"edge-child-named-vhd", "VHDX-FILE-011", I, .params = &child, .damage = named_vhd, .guard = without_name,
     .says = ".vhd, but"},
    {"edge-fixed-disk-named-avhdx", "VHDX-FILE-011", I, .params = &fixed, .damage = named_avhdx,
     .says = "without a parent"},

    {"edge-header-2-behind-end", "VHDX-HDR-002", E, .mutate = second_header_behind_end, .also = "VHDX-FILE-001",
     .verdict = "unreadable", .says = "header 2 at 0x20000 lies behind the end of the file"},
    {"edge-header-2-cut", "VHDX-HDR-002", E, .mutate = second_header_cut, .also = "VHDX-FILE-001",
     .verdict = "unreadable", .says = "header 2 at 0x20000 is cut off"},
    {"edge-header-2-cut-no-signature", "VHDX-HDR-002", E, .mutate = second_header_cut_without_signature,
     .also = "VHDX-FILE-001", .verdict = "unreadable", .says = "header 2 at 0x20000 has no \"head\""},
    {"edge-region-table-2-behind-end", "VHDX-RGN-001", E, .mutate = second_table_behind_end, .also = "VHDX-FILE-001",
     .verdict = "unreadable", .says = "copy 2 at 0x40000 lies behind the end of the file"},
    {"edge-region-table-2-cut", "VHDX-RGN-001", E, .mutate = second_table_cut, .also = "VHDX-FILE-001",
     .verdict = "unreadable", .says = "copy 2 at 0x40000 is cut off"},

    {"edge-headers-version", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_version},
    {"edge-headers-log-version", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_log_version},
    {"edge-headers-log-length-odd", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_odd_log_len},
    {"edge-headers-log-offset-odd", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_odd_log_off},
    {"edge-headers-log-offset-low", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_low_log_off},
    {"edge-headers-second-odd", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_second_odd},
    {"edge-headers-other-log-length", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_other_log_len},
    {"edge-headers-other-log-offset", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_other_log_off},
    {"edge-headers-other-log", "VHDX-HDR-002", E, .verdict = "unreadable", .mutate = with_other_log_guid},

    {"edge-three-names-looked-for", "VHDX-CHAIN-001", W, .params = &child, .damage = three_names,
     .says = "has no valid header"},
    {"edge-three-names-not-opened", "VHDX-CHAIN-001", W, .params = &child, .damage = three_names,
     .says = "cannot be opened"},

    {"edge-relative-to-device", "VHDX-PLOC-015", W, .params = &child, .mutate = relative_to_device,
     .also = "VHDX-PLOC-018"},
    {"edge-relative-to-volume", "VHDX-PLOC-015", W, .params = &child, .mutate = relative_to_volume},
    {"edge-relative-to-host", "VHDX-PLOC-015", W, .params = &child, .mutate = relative_to_host},

    {"edge-many-targets-in-headers", "VHDX-LOG-017", E, .mutate = many_targets_in_headers, .damage = all_findings,
     .says = "one more descriptor of the sequence writes over the file identifier"},
    {"edge-many-targets-past-end", "VHDX-LOG-020", E, .mutate = many_targets_past_the_end, .damage = all_findings,
     .says = "one more descriptor of the sequence writes past the end"},
    {"edge-many-sessions", "VHDX-FOR-001", I, .mutate = many_sessions,
     .says = "3 more stale log entries under 3 other log GUIDs"},
    {"edge-ten-sequences", "VHDX-LOG-024", I, .mutate = ten_sequences, .inside = one_sequence, .also = "VHDX-LOG-001",
     .guard_also = "VHDX-LOG-001", .says = " ...; "},
    {"edge-ten-stale-pages", "VHDX-FOR-002", I, .mutate = stale_pages, .says = "10 of 10 pages"},
    {"edge-two-pages-moved", "VHDX-XREF-007", I, .mutate = stale_pages_moved,
     .says = "2 descriptors in 1 stale log entry write where"},

    {"edge-ten-anchors", "VHDX-FOR-008", I, .params = &ten_anchors, .guard_params = &six_gaps,
     .says = "10 blocks in state 1 or 3 keep the place"},
    {"edge-eight-anchors", "VHDX-FOR-008", I, .params = &eight_anchors, .guard_params = &six_gaps,
     .says = "8 blocks in state 1 or 3 keep the place"},
    {"edge-six-gaps", "VHDX-XREF-003", I, .params = &six_gaps, .guard_params = &ten_anchors, .says = "in 6 ranges"},
    {"edge-four-gaps", "VHDX-XREF-003", I, .params = &four_gaps, .guard_params = &ten_anchors, .says = "in 4 ranges"},
};

const struct case_table edge_cases = {"edges", cases, sizeof(cases) / sizeof(cases[0])};
