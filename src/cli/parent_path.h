/* SPDX-License-Identifier: MIT */
/* How a new child names its parent. */
#ifndef VHDXRAY_CLI_PARENT_PATH_H
#define VHDXRAY_CLI_PARENT_PATH_H

/*
 * The parent's path as relative_path of a child ([MS-VHDX] 2.6.2.6.3): from the folder the child is in, with the
 * separators of Windows, ".\base.vhdx". EXIT_OK, or a code after a message: a folder is not there, or some name on the
 * way would mean something else to Windows. *ret: free().
 */
int parent_path(const char *child, const char *parent, char **ret);

#endif
