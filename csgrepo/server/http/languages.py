"""What refusals say in the language that the client asks for (RFC 9110, section 12.5.4)."""

from __future__ import annotations

from csgrepo.server.http.refusal import WORDS

__all__ = ["CHINESE", "translated"]

CHINESE = {
    "AUTH-ERR-0": "未授权",
    "AUTH-ERR-1": "找不到用户，请先登录",
    "AUTH-ERR-2": "禁止访问，权限不足",
    "AUTH-ERR-5": "Authorization 请求头无效",
    "AUTH-ERR-6": "仅管理员可以访问",
    "AUTH-ERR-7": "用户不匹配，不能查询他人的账户",
    "AUTH-ERR-14": "没有从该命名空间转移仓库的权限",
    "AUTH-ERR-15": "没有向该命名空间转移仓库的权限",
    "COLL-ERR-0": "仓库已在此合集中",
    "DEPLOY-ERR-0": "同类部署中已有此名称",
    "DEPLOY-ERR-1": "部署仍在运行，请先停止再修改",
    "GIT-ERR-4": "查找提交失败",
    "GIT-ERR-6": "找不到提交",
    "GIT-ERR-15": "仓库中没有该文件",
    "GIT-ERR-20": "文件过大",
    "GIT-ERR-22": "提交文件失败",
    "MIRROR-ERR-0": "目标仓库已有其他镜像源",
    "MIRROR-ERR-5": "源仓库的认证信息无效",
    "REPO-ERR-1": "仓库名称无效",
    "REPO-ERR-2": "命名空间不存在",
    "REPO-ERR-5": "下载代码压缩包失败",
    "REPO-ERR-9": "下载仓库压缩包失败",
    "REQ-ERR-0": "请求有误",
    "REQ-ERR-1": "请求体格式无效",
    "REQ-ERR-3": "请求体过大",
    "REQ-ERR-6": "请求参数无效",
    "REQ-ERR-13": "找不到目标命名空间",
    "REQ-ERR-14": "新命名空间不能与当前命名空间相同",
    "REQ-ERR-15": "目标命名空间中已有同名仓库",
    "RUNNER-ERR-0": "版本数超过最大副本数",
    "RUNNER-ERR-2": "该提交的版本已存在",
    "RUNNER-ERR-3": "该版本尚未就绪",
    "RUNNER-ERR-4": "流量占比不为零",
    "SERVERLESS-ERR-2": "部署状态不符",
    "SERVERLESS-ERR-4": "找不到该版本",
    "SERVERLESS-ERR-5": "流量占比有误",
    "SERVERLESS-ERR-6": "提交号为空",
    "SERVERLESS-ERR-7": "流量占比无效",
    "SERVERLESS-ERR-8": "提交号无效",
    "SPACE-ERR-1": "名称已被使用",
    "SYS-ERR-0": "服务器内部错误",
    "SYS-ERR-1": "调用远程服务失败",
    "SYS-ERR-3": "数据库中没有该记录",
    "SYS-ERR-4": "键值重复",
    "SYS-ERR-6": "不能移除组织的最后一位管理员",
    "TASK-ERR-0": "找不到任务的入口文件",
    "TASK-ERR-4": "资源不足，无法运行任务",
    "USER-ERR-13": "电子邮箱已被使用",
    "USER-ERR-18": "用户没有电子邮箱",
    "USER-ERR-20": "命名空间已存在",
}
_MOST_CHOICES = 32


def translated(code: str, accept_language: str) -> str | None:
    """Return what a code means, ``None`` for a code that has no words of its own.

    English is spoken with those who ask for nothing that is known here.

    Example:
        >>> translated("AUTH-ERR-0", "fr, zh-CN;q=0.8, en;q=0.5")
        'AUTH-ERR-0: 未授权'
    """
    words = WORDS.get(code)
    if _wants_chinese(accept_language):
        words = CHINESE.get(code, words)
    return f"{code}: {words}" if words else None


def _wants_chinese(accept_language: str) -> bool:
    choices: list[tuple[float, int, str]] = []
    for item in accept_language.split(",")[:_MOST_CHOICES]:
        tag, _, parameter = item.partition(";")
        language = tag.strip().lower().partition("-")[0]
        weight = _weight(parameter)
        if language in {"en", "zh"} and weight > 0:
            choices.append((weight, -len(choices), language))
    return bool(choices) and max(choices)[2] == "zh"


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name != "q":
        return 1.0
    try:
        return min(float(value), 1.0)
    except ValueError:
        return 0.0
